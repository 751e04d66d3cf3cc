/** Pools of threads: what is theirs, how they end, who finds them, and what others go on with. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type DiscoveryEvent,
  LocalDiscovery,
  PoolClosedError,
  ProcessWorker,
  ThreadWorker,
  type Worker,
  WorkerLostError,
  WorkerPool,
} from "merino";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import {
  changeDirectory,
  exhaustHeap,
  exitWith,
  keep,
  type Place,
  place,
  setVariable,
  spin,
  spread,
  throwOutside,
  variable,
  visits,
} from "./fixtures/routines.ts";

async function lossOf(call: Promise<unknown>): Promise<WorkerLostError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WorkerLostError, `not a WorkerLostError but ${String(error)}`);
  return error;
}

/** Resolves when a worker has taken a call of the routine, which then begins at once. */
async function accepted(pool: WorkerPool, name: string): Promise<void> {
  for await (const event of pool.events()) {
    if (event.type === "task" && event.phase === "accepted" && event.routine.endsWith(`#${name}`)) return;
  }
}

const threadsOf = (places: readonly Place[]): number[] => [...new Set(places.map(({ thread }) => thread))];

/** Calls until bodies have run in so many different workers. */
async function placesOf(calls: (count: number) => Promise<Place[]>, wanted: number): Promise<Place[]> {
  const seen = new Map<string, Place>();
  await eventually(async () => {
    for (const one of await calls(20)) seen.set(`${one.pid} ${one.thread}`, one);
    return seen.size >= wanted;
  });
  return [...seen.values()];
}

const many = (count: number): Promise<Place[]> => Promise.all(Array.from({ length: count }, () => place()));

describe("a pool of threads", () => {
  test("keeps what bodies were given, however large, and gives it back as it was", async () => {
    await using pool = await WorkerPool.open({ size: 1, worker: "thread" });
    const sizes = [100, 100_000, 3_000_000];
    const values = sizes.flatMap((size) => [Buffer.alloc(size, size), "é漢".repeat(size / 2)]);

    const kept = await Promise.all(values.map((value) => keep.with({ pool })(value)));

    assert.deepEqual(kept, values);
  });

  test("runs bodies in threads of this process, on all of them, nested calls too", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 2, worker: "thread" });

    const direct = await placesOf(many, 2);
    const nested = await placesOf(spread, 2);

    assert.deepEqual(new Set([...direct, ...nested].map(({ pid }) => pid)), new Set([process.pid]));
    assert.equal(threadsOf(direct).includes(0), false, "the program's own thread");
    assert.deepEqual(new Set(threadsOf(nested)), new Set(threadsOf(direct)));
    assert.deepEqual(new Set(pool.workers.map(({ pid }) => pid)), new Set([process.pid]));
  });

  test("has a globalThis and an environment for each, as they were when it was opened", async () => {
    await using _ = leakCheck();
    process.env.MERINO_TEST_SEEN = "opened";
    process.env.MERINO_TEST_TAKEN = "taken";
    const worker = ThreadWorker.factory({
      env: { MERINO_TEST_ADDED: "added", MERINO_TEST_TAKEN: undefined },
    });
    await using pool = await WorkerPool.open({ size: 1, worker });
    process.env.MERINO_TEST_SEEN = "later";

    const names = ["MERINO_TEST_SEEN", "MERINO_TEST_ADDED", "MERINO_TEST_TAKEN", "NODE_TEST_CONTEXT"];
    const seen = await Promise.all(names.map((name) => variable(name)));
    await setVariable("MERINO_TEST_SEEN", "set in a body");
    const counted = [await visits(), await visits()];

    assert.deepEqual(seen, ["opened", "added", undefined, undefined]);
    assert.equal(process.env.MERINO_TEST_SEEN, "later");
    assert.deepEqual(counted, [1, 2]);
    assert.equal("visits" in globalThis, false);
    assert.equal(pool.stats().ready, 1);
    delete process.env.MERINO_TEST_SEEN;
    delete process.env.MERINO_TEST_TAKEN;
  });

  test("refuses in Node's own words what no thread can do", async () => {
    await using _ = leakCheck();
    await using _pool = await WorkerPool.open({ size: 1, worker: "thread" });

    await assert.rejects(changeDirectory("/"), { code: "ERR_WORKER_UNSUPPORTED_OPERATION" });
  });

  test("loses one worker, and no other, to process.exit in a body", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 1, worker: "thread" });
    const before = await place();

    const { worker, reason } = await lossOf(exitWith(3));
    const after = await place();

    assert.equal(worker.exitCode, 3);
    assert.equal(worker.pid, process.pid);
    assert.equal(reason, "lost");
    assert.notEqual(after.thread, before.thread);
    assert.equal(pool.stats().restarts, 1);
  });

  test("loses one worker to an error that nobody catches, and knows its trace", async () => {
    await using _ = leakCheck();
    await using _pool = await WorkerPool.open({ size: 1, worker: "thread" });

    const { worker } = await lossOf(throwOutside());

    assert.equal(worker.exitCode, 1);
    assert.match(worker.stderr ?? "", /TypeError: outside of any call\n.*routines\.ts/s);
  });

  test("says which limit of its memory a worker has reached, and goes on", async () => {
    await using _ = leakCheck();
    const worker = ThreadWorker.factory({ resourceLimits: { maxOldGenerationSizeMb: 24 } });
    await using _pool = await WorkerPool.open({ size: 1, worker });

    const error = await lossOf(exhaustHeap());

    assert.deepEqual(error.worker.limit, { name: "maxOldGenerationSizeMb", mb: 24 });
    assert.match(error.message, /maxOldGenerationSizeMb: 24/);
    assert.equal((await place()).pid, process.pid);
  });

  test("replaces a worker that loops for ever after its call was cancelled", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 1, worker: "thread", killGrace: 100 });
    const before = await place();
    const stop = new AbortController();
    const begun = accepted(pool, "spin");

    const spinning = spin.with({ signal: stop.signal })();
    const behind = place();
    await begun;
    stop.abort();

    await assert.rejects(spinning, { name: "AbortError" });
    // It was sent behind the loop, or had not been sent: lost, or run on the next worker, but never open.
    const [settled] = await Promise.allSettled([behind]);
    assert.ok(settled.status === "fulfilled" || settled.reason instanceof WorkerLostError);
    assert.notEqual((await place()).thread, before.thread);
  });

  test("settles every call although workers exit under them, and runs none that was refused twice", async () => {
    await using _ = leakCheck({ endsThreads: true });
    await using pool = await WorkerPool.open({ size: 2, worker: "thread" });

    const calls: Promise<unknown>[] = [];
    for (let round = 0; round < 5; round += 1) {
      for (let count = 0; count < 50; count += 1) calls.push(place());
      calls.push(exitWith(0));
    }
    const outcomes = await Promise.allSettled(calls);

    const failed = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
    assert.ok(failed.length >= 5);
    for (const error of failed) assert.ok(error instanceof WorkerLostError, String(error));
    assert.equal(pool.stats().unsettled, 0);
  });

  test("ends a body that blocks it when it is closed", async () => {
    await using _ = leakCheck();
    const pool = await WorkerPool.open({ size: 1, worker: "thread", killGrace: 100 });
    const begun = accepted(pool, "spin");
    const refused = assert.rejects(spin(), PoolClosedError);
    await begun;

    await pool.close({ grace: 0 });

    await refused;
  });

  test("can be closed while its threads start, and leaves none", async () => {
    await using _ = leakCheck();
    const pool = new WorkerPool({ size: 3, worker: "thread" });

    const opening = assert.rejects(pool.open(), PoolClosedError);
    await pool.close();

    await opening;
  });

  test("tells why a thread cannot start, and leaves nothing", async () => {
    await using _ = leakCheck();
    const worker = ThreadWorker.factory({ modules: ["/nowhere/at-all.mjs"] });

    const error: unknown = await WorkerPool.open({ size: 2, worker }).catch((reason: unknown) => reason);

    assert.ok(error instanceof AggregateError);
    assert.match(error.message, /2 of 2 workers did not start.*at-all\.mjs/);
  });
});

describe("threads and others", () => {
  test("a pool may have both, by place, and its nested calls reach both", async () => {
    await using _ = leakCheck();
    const [thread, child] = [ThreadWorker.factory(), ProcessWorker.factory()];
    const worker = (context: Parameters<typeof thread>[0]): Worker =>
      context.slot === 0 ? thread(context) : child(context);
    await using _pool = await WorkerPool.open({ size: 2, worker });

    const direct = await placesOf(many, 2);
    const nested = await placesOf(spread, 2);

    for (const places of [direct, nested]) {
      assert.deepEqual(places.map(({ pid, thread }) => [pid === process.pid, thread === 0]).sort(), [
        [false, true],
        [true, false],
      ]);
    }
  });

  test("a discovery never announces threads, whose nested calls reach them and those that are found", async () => {
    await using _ = leakCheck();
    const discovery = new LocalDiscovery(`threads-${process.pid}`);
    await using _farm = await WorkerPool.open({ size: 1, discovery, ambient: false });
    const events: DiscoveryEvent[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      for await (const event of discovery.subscribe({ signal: stop.signal })) events.push(event);
    })();

    await using pool = await WorkerPool.open({ size: 2, worker: "thread", discovery, lazy: false });
    const direct = await placesOf(many, 3);
    const nested = await placesOf(spread, 3);
    const own = new Set(pool.workers.filter(({ pid }) => pid === process.pid).map(({ uid }) => uid));

    for (const places of [direct, nested]) {
      assert.equal(places.filter(({ pid }) => pid === process.pid).length, 2);
    }
    await eventually(() => events.length > 0);
    stop.abort();
    await watching;
    assert.equal(own.size, 2);
    assert.deepEqual(
      events.filter(({ worker }) => own.has(worker.uid)),
      [],
    );
  });
});
