/** Calls made by tasks, on real pools: where they go, what they know of one another, and how closing treats them. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { type MerinoError, ProcessWorker, type TaskCaller, WorkerPool, type WorkerPoolOptions } from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import * as routines from "./fixtures/nested-routines.ts";
import { rejection, useEffects } from "./fixtures/pool-support.ts";

function pids(pool: WorkerPool): number[] {
  return pool.workers.map(({ pid }) => pid).sort();
}

/** Resolves once every worker of a pool of two reaches both. */
async function acquainted(pool: WorkerPool): Promise<void> {
  await eventually(
    async () => {
      const { spread } = routines;
      const [one, two] = await pool.run(() => Promise.all([spread(20), spread(20)]));
      return one.outer !== two.outer && one.inner.length === 2 && two.inner.length === 2;
    },
    { withinMs: 20_000 },
  );
}

test("a call made by a task", async (t) => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 2 });
  using effects = useEffects();

  await t.test("reaches all workers of the pool of its caller", async () => {
    await acquainted(pool);

    const { inner } = await routines.spread(40);

    assert.deepEqual([...inner].sort(), pids(pool));
  });

  await t.test("knows the chain of its callers: ids, routines and tags", async () => {
    const DEPTH = 5;

    const { selves, caller } = await routines.chain.with({ tag: `tag ${DEPTH}` })(DEPTH);

    const callers: Omit<TaskCaller, "caller">[] = [];
    for (let link = caller; link !== undefined; link = link.caller) {
      const { id, routine, tag } = link;
      callers.push({ id, routine, tag });
    }
    assert.deepEqual(
      callers,
      selves.slice(1).map(({ id, routine, tag }) => ({ id, routine, tag })),
    );
    assert.deepEqual(
      selves.map(({ tag }) => tag),
      Array.from({ length: DEPTH + 1 }, (_, depth) => `tag ${depth}`),
    );
    assert.ok(selves.every(({ routine }) => routine === routines.chain.id));
    assert.equal(new Set(selves.map(({ id }) => id)).size, DEPTH + 1);
    for (const { id } of selves)
      assert.match(id, /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/);
  });

  await t.test("has no caller when it was made outside any task", async () => {
    const { caller } = await routines.chain(0);

    assert.equal(caller, undefined);
  });

  await t.test("keeps its task over awaits, also among many", async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => routines.currentIdsAfterAwaits()));

    for (const ids of all) assert.equal(new Set(ids).size, 1);
    assert.equal(new Set(all.map(([id]) => id)).size, 100);
  });

  await t.test("may be one of a generator, which is closed with its consumer", async () => {
    const seen: number[] = [];
    for await (const n of routines.doubles(5, effects.path("whole"))) seen.push(n);
    for await (const n of routines.doubles(5, effects.path("broken"))) if (n === 4) break;

    assert.deepEqual(seen, [2, 4, 6, 8, 10]);
    assert.deepEqual(effects.lines("whole"), ["inner finally", "outer finally"]);
    assert.deepEqual(effects.lines("broken"), ["inner finally", "outer finally"]);
  });

  await t.test("may be one of a generator in a tree of them", async () => {
    const seen: string[] = [];
    for await (const leaf of routines.leaves(3)) seen.push(leaf);
    const expected: string[] = [];
    for await (const leaf of routines.leaves.local(3)) expected.push(leaf);

    assert.deepEqual(seen, expected);
    assert.equal(seen.length, 15);
  });

  await t.test("brings its error up through every caller", async () => {
    const error = await rejection(routines.throwsNested(3));

    assert.ok(error instanceof RangeError);
    assert.equal(error.message, "from the depth");
    assert.deepEqual(error.cause, { depth: 0 });
  });

  await t.test("may open a pool of its own and close it", async () => {
    const { self, ownWorkers, inOwn, inRun, inCallers } = await routines.withPoolOfItsOwn();

    assert.ok(pids(pool).includes(self));
    assert.equal(ownWorkers.length, 1);
    assert.ok(!pids(pool).includes(ownWorkers[0] ?? 0));
    assert.deepEqual(inOwn, { outer: ownWorkers[0], inner: ownWorkers });
    assert.equal(inRun, ownWorkers[0]);
    assert.ok(pids(pool).includes(inCallers));
  });
});

test("the first fan-out of a task spreads over all workers of its pool", async () => {
  await using _leaks = leakCheck();
  let shares: number[] = [];
  // A worker that cannot be reached within half a second is not waited for: on a loaded machine that may happen once.
  for (let attempt = 0; attempt < 4 && shares.join() !== "3,3,3"; attempt++) {
    await using _pool = await WorkerPool.open({ size: 3 });
    const counts = new Map<number, number>();
    for (const pid of await routines.fanOut(9)) counts.set(pid, (counts.get(pid) ?? 0) + 1);
    shares = [...counts.values()];
  }

  assert.deepEqual(shares, [3, 3, 3]);
});

const SHAPES: readonly (readonly [string, WorkerPoolOptions])[] = [
  ["one worker", { size: 1 }],
  ["two workers", { size: 2 }],
  ["two workers of two calls", { size: 2, worker: ProcessWorker.factory({ maxConcurrentCalls: 2 }) }],
  ["one worker of one call", { size: 1, worker: ProcessWorker.factory({ maxConcurrentCalls: 1 }) }],
];

for (const [shape, options] of SHAPES) {
  test(`calls that call themselves come to their end on ${shape}`, async () => {
    await using _leaks = leakCheck();
    await using pool = await WorkerPool.open(options);

    assert.equal(await routines.fib.with({ timeout: 60_000 })(14), 377);
    assert.equal(await routines.fibPlain.with({ timeout: 60_000 })(12), 144);
    const several = await Promise.all([10, 10, 10, 10].map((n) => routines.fib.with({ timeout: 60_000 })(n)));

    assert.deepEqual(several, [55, 55, 55, 55]);
    assert.equal(pool.stats().unsettled, 0);
  });
}

test("two pools keep the calls of their tasks apart", async () => {
  await using _leaks = leakCheck();
  await using first = await WorkerPool.open({ size: 1 });
  await using second = await WorkerPool.open({ size: 1 });
  const [inFirst] = pids(first);
  const [inSecond] = pids(second);

  const ambient = await routines.spread(2);
  const inRun = await first.run(() => routines.spread(2));
  const withPool = await routines.spread.with({ pool: first })(2);
  const withProxy = await routines.spread.with({ pool: first.proxy })(2);
  const overridden = await first.run(() => routines.spread.with({ pool: second })(2));
  const afterAwait = await first.run(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return routines.spread(2);
  });
  const together = await Promise.all([
    first.run(() => routines.spread(2)),
    second.run(() => routines.spread(2)),
    first.run(() => second.run(() => routines.spread(2))),
  ]);

  assert.deepEqual(ambient, { outer: inSecond, inner: [inSecond] });
  for (const result of [inRun, withPool, withProxy, afterAwait]) {
    assert.deepEqual(result, { outer: inFirst, inner: [inFirst] });
  }
  assert.deepEqual(overridden, { outer: inSecond, inner: [inSecond] });
  assert.deepEqual(
    together.map(({ outer }) => outer),
    [inFirst, inSecond, inSecond],
  );
});

test("the pool opened before serves again when the last one is closed", async () => {
  await using _leaks = leakCheck();
  await using first = await WorkerPool.open({ size: 1 });
  const second = await WorkerPool.open({ size: 1 });
  const withBoth = await routines.pid();
  const [inSecond] = pids(second);

  await second.close();

  assert.equal(withBoth, inSecond);
  assert.equal(await routines.pid(), pids(first)[0]);
  const error = await rejection(routines.pid.with({ pool: second })());
  assert.equal((error as MerinoError).code, "ERR_MERINO_POOL_CLOSED");
});

for (const size of [1, 2]) {
  test(`closing a pool of ${size} lets trees of calls under way finish and refuses new ones`, async () => {
    await using _leaks = leakCheck();
    await using pool = await WorkerPool.open({ size });
    using effects = useEffects();
    if (size === 2) await acquainted(pool);
    const tree = routines.waitDeep(4, effects.path("started"), effects.path("released"));
    await eventually(() => effects.lines("started").length > 0, { withinMs: 20_000 });

    const closing = pool.close({ grace: 60_000 });
    const refused = await rejection(routines.pid.with({ pool })());
    const refusedStream = await rejection(routines.countTo.with({ pool })(1, "").next());
    writeFileSync(effects.path("released"), "");

    assert.equal((refused as MerinoError).code, "ERR_MERINO_POOL_CLOSED");
    assert.equal((refusedStream as MerinoError).code, "ERR_MERINO_POOL_CLOSED");
    assert.equal(await tree, "0 1 2 3 4");
    await closing;
  });
}

test("closing a pool without grace ends trees of calls at once", async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 2 });
  using effects = useEffects();
  const tree = rejection(routines.waitDeep(3, effects.path("started"), effects.path("never")));
  const leaf = rejection(routines.untilAborted(effects.path("leaf")));
  await eventually(() => effects.lines("started").length + effects.lines("leaf").length === 2, {
    withinMs: 20_000,
  });

  await pool.close({ grace: 0 });

  for (const error of await Promise.all([tree, leaf])) {
    assert.equal((error as MerinoError).code, "ERR_MERINO_POOL_CLOSED");
  }
  assert.deepEqual(effects.lines("leaf"), ["started", "aborted"]);
});

test("closing a pool ends what is left when its grace is over", async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1 });
  using effects = useEffects();
  const call = rejection(routines.untilAborted(effects.path("leaf")));
  await eventually(() => effects.lines("leaf").length === 1, { withinMs: 20_000 });

  await pool.close({ grace: 100 });

  assert.equal(((await call) as MerinoError).code, "ERR_MERINO_POOL_CLOSED");
  assert.deepEqual(effects.lines("leaf"), ["started", "aborted"]);
});
