/** Which worker gets a call: the balancers with real workers, and workers that another process owns. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type Balancer,
  InvalidOptionError,
  LeastBusyBalancer,
  LocalDiscovery,
  NoWorkersAvailableError,
  RoundRobinBalancer,
  WorkerLostError,
  WorkerPool,
  WorkerProxy,
} from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { TYPESCRIPT_FLAGS } from "../support/typescript-flags.ts";
import { add, home, nestedHome, snooze } from "./fixtures/pool-routines.ts";
import {
  collectEvents,
  isAlive,
  loseWorker,
  ofType,
  rejection,
  WORKER_KINDS,
} from "./fixtures/pool-support.ts";

/** How often each value occurs. */
function tally(values: readonly string[]): number[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.values()].sort((a, b) => a - b);
}

for (const worker of WORKER_KINDS) {
  describe(`the balancer of a pool, each worker a ${worker}`, () => {
    test("RoundRobinBalancer gives each worker its turn", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ worker, size: 3, balancer: new RoundRobinBalancer() });

      const order: string[] = [];
      for (let n = 0; n < 9; n += 1) order.push(await home());

      assert.equal(pool.workers.length, 3);
      assert.deepEqual(tally(order), [3, 3, 3]);
      assert.deepEqual(order.slice(0, 3), order.slice(3, 6));
    });

    test("LeastBusyBalancer prefers a worker with fewer calls in flight", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ worker, size: 2, balancer: new LeastBusyBalancer() });
      const busy = snooze(2_000);
      // Its own call is under way until it answers, so that the other one is the less busy each time.
      await eventually(async () => (await home()) !== "");

      const homes: string[] = [];
      for (let n = 0; n < 6; n += 1) homes.push(await home());

      assert.equal(homes.includes(await busy), false);
    });

    test("LeastBusyBalancer spreads calls that wait for something evenly, also those of a first burst", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ worker, size: 3 });

      const homes = await Promise.all(Array.from({ length: 60 }, () => snooze(1_000)));

      const shares = tally(homes);
      assert.equal(shares.length, 3);
      assert.ok(
        shares.every((share) => share >= 16 && share <= 24),
        `${shares}`,
      );
    });

    test("an object with delegate alone names workers in its own order", async () => {
      await using _ = leakCheck();
      const outcomes: unknown[] = [];
      // As the view has them: in the order in which they became ready, which is not the one in which they were started.
      let last: string | undefined;
      const lastFirst: Balancer = {
        *delegate(task, view) {
          assert.equal(task.tag, "mine");
          last ??= view.at(-1)?.uid;
          for (const { uid } of [...view].reverse()) {
            const outcome = yield uid;
            outcomes.push(outcome);
            if (outcome !== undefined) return;
          }
        },
      };
      await using pool = await WorkerPool.open({ worker, size: 2, balancer: lastFirst });
      await eventually(() => pool.stats().ready === 2);

      const homes = await Promise.all(Array.from({ length: 5 }, () => home.with({ tag: "mine" })()));

      assert.ok(pool.workers.some(({ uid }) => uid === last));
      assert.deepEqual(
        homes,
        Array.from({ length: 5 }, () => last),
      );
      assert.deepEqual(
        outcomes,
        Array.from({ length: 5 }, () => last),
      );
    });

    test("an asynchronous delegate may name a worker that is gone first", async () => {
      await using _ = leakCheck();
      const balancer: Balancer = {
        async *delegate(_task, view) {
          assert.equal(yield "nobody", undefined);
          for (const { uid } of view) if ((yield uid) !== undefined) return;
        },
      };
      await using _pool = await WorkerPool.open({ worker, size: 1, balancer });

      assert.equal(await add(1, 2), 3);
    });

    test("a delegate that throws, or names nobody, fails the call", async () => {
      await using _ = leakCheck();
      const broken = new TypeError("out of order");
      await using throwing = await WorkerPool.open({
        worker,
        size: 1,
        balancer: {
          *delegate() {
            throw broken;
          },
        },
      });
      await using silent = await WorkerPool.open({ worker, size: 1, balancer: { *delegate() {} } });

      assert.equal(await rejection(add.with({ pool: throwing })(1, 2)), broken);
      const error = await rejection(add.with({ pool: silent })(1, 2));
      assert.ok(error instanceof NoWorkersAvailableError);
      assert.equal(error.reasons.length, 1);
    });

    test("a pick that throws, or names no candidate, fails the call, and the pool closes", async () => {
      await using _ = leakCheck();
      const broken = new TypeError("out of order");
      let pick = (): number => {
        throw broken;
      };
      await using _pool = await WorkerPool.open({
        worker,
        size: 1,
        balancer: { *delegate() {}, pick: () => pick() },
      });

      assert.equal(await rejection(add(1, 2)), broken);
      for (const chosen of [7, Number.NaN, undefined, "0x", Promise.resolve(0)]) {
        pick = () => chosen as number;
        const error = await rejection(add(1, 2));
        assert.ok(error instanceof InvalidOptionError, `${String(chosen)}: ${String(error)}`);
        assert.match(error.message, /balancer\.pick\(\)': expected the index of one of 1 candidates/);
      }
      pick = () => 0;
      assert.equal(await add(1, 2), 3);
    });

    test("a delegate without room for a call is asked again when there is", async () => {
      await using _ = leakCheck();
      const balancer: Balancer = {
        *delegate(_task, view) {
          for (const { uid, room } of view) if (room && (yield uid) !== undefined) return;
        },
      };
      await using _pool = await WorkerPool.open({ worker, size: 1, balancer });

      const sums = await Promise.all(Array.from({ length: 100 }, (_, n) => add(n, 1)));

      assert.deepEqual(
        sums,
        Array.from({ length: 100 }, (_, n) => n + 1),
      );
    });
  });
}

describe("workers published in a LocalDiscovery", () => {
  test("serve a durable pool of another process, until their pool closes", async () => {
    await using _ = leakCheck();
    const namespace = "published";
    const program = fileURLToPath(new URL("./fixtures/pool-publisher.ts", import.meta.url));
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    const owner = spawn(process.execPath, [...TYPESCRIPT_FLAGS, program, namespace], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env,
    });
    const exited = once(owner, "exit");
    try {
      const [theirs] = (await once(owner, "message")) as [{ uid: string; pid: number }[]];
      const uids = theirs.map(({ uid }) => uid);
      await using pool = await WorkerPool.open({ discovery: new LocalDiscovery(namespace), quorum: 2 });

      const homes = await Promise.all(Array.from({ length: 10 }, () => home()));
      const nested = await nestedHome();

      assert.equal(pool.stats().size, 0);
      assert.ok(homes.every((uid) => uids.includes(uid)));
      assert.ok(uids.includes(nested.outer) && uids.includes(nested.inner));
      assert.deepEqual(
        pool.explain().members.map(({ own, state }) => ({ own, state })),
        [
          { own: false, state: "ready" },
          { own: false, state: "ready" },
        ],
      );
      owner.send("close");
      await exited;
      await eventually(() => pool.workers.length === 0, { withinMs: 10_000 });
      assert.equal(
        theirs.some(({ pid }) => isAlive(pid)),
        false,
      );
    } finally {
      owner.kill("SIGKILL");
      await exited;
    }
  });

  test("serve a hybrid pool beside its own, up to its lease", async () => {
    await using _ = leakCheck();
    const namespace = "hybrid";
    await using others = await WorkerPool.open({
      size: 2,
      lazy: false,
      discovery: new LocalDiscovery(namespace),
      ambient: false,
    });
    await using pool = await WorkerPool.open({
      size: 1,
      lease: 1,
      lazy: false,
      discovery: new LocalDiscovery(namespace),
      ambient: false,
    });

    await eventually(() => pool.explain().refused.length === 1 && pool.stats().ready === 2);

    assert.equal(pool.proxy.lease, 2);
    assert.equal(pool.workers.length, 2);
    assert.deepEqual(
      pool.explain().refused.map(({ reason }) => reason),
      ["capacity"],
    );
    const homes = await Promise.all(Array.from({ length: 40 }, () => snooze.with({ pool })(10)));
    assert.equal(new Set(homes).size, 2);
    await eventually(() => others.workers.length === 3, { what: "the pool without a lease admits all" });
  });

  test("lend a place to a remembered worker when another one goes", async () => {
    await using _ = leakCheck();
    const namespace = "remembered";
    const discovery = (): LocalDiscovery => new LocalDiscovery(namespace);
    const first = await WorkerPool.open({ size: 1, lease: 0, discovery: discovery(), ambient: false });
    await using _first = first;
    await using second = await WorkerPool.open({ size: 1, lease: 0, discovery: discovery(), ambient: false });
    await using proxy = await WorkerProxy.open({ namespace, lease: 1, lazy: false });
    await eventually(() => proxy.workers.length === 1 && proxy.explain().refused.length === 1);
    const held = proxy.workers[0]?.uid;
    const [leaving, staying] = held === first.workers[0]?.uid ? [first, second] : [second, first];
    const next = staying.workers[0]?.uid;

    await leaving.close();

    await eventually(() => proxy.workers[0]?.uid === next, { withinMs: 10_000 });
    assert.equal(await home.with({ pool: proxy })(), staying.workers[0]?.uid);
  });

  test("are told apart by tags", async () => {
    await using _ = leakCheck();
    const discovery = new LocalDiscovery("tagged");
    await using red = await WorkerPool.open({ size: 1, lease: 0, tags: ["red"], discovery, ambient: false });
    await using _blue = await WorkerPool.open({
      size: 1,
      lease: 0,
      tags: ["blue"],
      discovery,
      ambient: false,
    });
    await using pool = await WorkerPool.open({ discovery, tags: ["red"], lazy: false, ambient: false });

    await eventually(() => pool.workers.length === 1 && pool.explain().refused.length === 1);

    assert.equal(pool.workers[0]?.uid, red.workers[0]?.uid);
    assert.equal(pool.explain().refused[0]?.reason, "filter");
  });

  test("are replaced for all when they die", async () => {
    await using _ = leakCheck();
    const discovery = new LocalDiscovery("replaced");
    await using owner = await WorkerPool.open({ size: 1, discovery, ambient: false });
    await using pool = await WorkerPool.open({ discovery, ambient: false });
    const { seen } = collectEvents(owner);
    const first = await home.with({ pool })();
    const held = snooze.with({ pool })(30_000);
    const lost = rejection(held);
    await eventually(() => pool.stats().workers.some((worker) => worker.inFlight > 0));

    await loseWorker(owner, first);

    assert.ok((await lost) instanceof WorkerLostError);
    await eventually(() => ofType(seen, "worker-ready").length === 1, { withinMs: 20_000 });
    assert.equal(await home.with({ pool })(), owner.workers[0]?.uid);
  });
});
