/** A pool from its constructor to its end: opening, ambience, closing, and what it tells about itself. */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { isMerinoError, LocalDiscovery, WorkerPool } from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { add, block, count, exitWith, hang, home, snooze, untilAborted } from "./fixtures/pool-routines.ts";
import {
  collectEvents,
  isAlive,
  ofType,
  rejection,
  useEffects,
  WORKER_KINDS,
} from "./fixtures/pool-support.ts";

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  assert.ok(isMerinoError(error), `not one of Merino's: ${String(error)}`);
  return error.code;
}

for (const worker of WORKER_KINDS) {
  describe(`WorkerPool.open, each worker a ${worker}`, () => {
    test("resolves when every worker serves", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ worker, size: 3, tags: ["blue"] });

      const sum = await add(1, 2);

      assert.equal(sum, 3);
      assert.equal(pool.workers.length, 3);
      assert.equal(new Set(pool.workers.map(({ uid }) => uid)).size, 3);
      assert.ok(pool.workers.every(({ pid, tags }) => isAlive(pid) && tags.includes("blue")));
    });

    test("starts one worker per available CPU for size 0, and by default", async () => {
      await using _ = leakCheck();
      for (const options of [{}, { size: 0 }]) {
        const pool = new WorkerPool({ ...options, worker, ambient: false });

        assert.equal(pool.stats().size, availableParallelism());
        await pool.close();
      }
    });

    test("is refused a second time, while open and after the end", async () => {
      await using _ = leakCheck();
      const pool = new WorkerPool({ worker, size: 1 });
      const opening = pool.open();

      assert.equal(await codeOf(pool.open()), "ERR_MERINO_POOL_CLOSED");
      await opening;
      assert.equal(await codeOf(pool.open()), "ERR_MERINO_POOL_CLOSED");
      await pool.close();
      assert.equal(await codeOf(pool.open()), "ERR_MERINO_POOL_CLOSED");
    });

    test("rejects when the pool is closed meanwhile, and leaves nothing", async () => {
      await using _ = leakCheck();
      const pool = new WorkerPool({ worker, size: 2 });
      const opening = pool.open();

      const [code] = await Promise.all([codeOf(opening), pool.close()]);

      assert.equal(code, "ERR_MERINO_POOL_CLOSED");
      await pool.closed;
    });
  });

  describe(`the pool of a call, each worker a ${worker}`, () => {
    test("is refused while there is none, and before and after its life", async () => {
      await using _ = leakCheck();
      assert.equal(await codeOf(add(1, 2)), "ERR_MERINO_NO_ACTIVE_POOL");
      const pool = new WorkerPool({ worker, size: 1, ambient: false });
      assert.equal(await codeOf(add.with({ pool })(1, 2)), "ERR_MERINO_POOL_CLOSED");
      await pool.open();
      assert.equal(await add.with({ pool })(1, 2), 3);
      assert.equal(await codeOf(add(1, 2)), "ERR_MERINO_NO_ACTIVE_POOL");

      await pool.close();

      assert.equal(await codeOf(add.with({ pool })(1, 2)), "ERR_MERINO_POOL_CLOSED");
      assert.equal(await codeOf(count.with({ pool })("").next()), "ERR_MERINO_POOL_CLOSED");
    });

    test("is the one opened last; after its close the earlier one serves again", async () => {
      await using _ = leakCheck();
      const first = await WorkerPool.open({ worker, size: 1 });
      await using _first = first;
      const second = await WorkerPool.open({ worker, size: 1 });
      await using _second = second;
      await using third = await WorkerPool.open({ worker, size: 1, ambient: false });
      const [a, b, c] = [first, second, third].map((pool) => pool.workers[0]?.uid);

      assert.equal(await home(), b);
      assert.equal(await first.run(() => home()), a);
      assert.equal(await home.with({ pool: third })(), c);
      assert.equal(await third.run(() => pause(1).then(() => home())), c);
      await second.close();
      assert.equal(await home(), a);
      await first.close();
      assert.equal(await codeOf(home()), "ERR_MERINO_NO_ACTIVE_POOL");
    });

    test("is one that still takes calls, from the moment on at which another begins to close", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using first = await WorkerPool.open({ worker, size: 1 });
      const second = await WorkerPool.open({ worker, size: 1 });
      const slow = snooze(300);

      const closing = second.close();
      const during = await home();
      const stream = count(effects.path("log"));
      const streamed = await stream.next();
      await stream.return();
      const named = await codeOf(home.with({ pool: second })());

      assert.equal(during, first.workers[0]?.uid);
      assert.equal(streamed.value, 0);
      assert.equal(named, "ERR_MERINO_POOL_CLOSED");
      await Promise.all([slow, closing]);
      assert.equal(await home(), during);
    });

    test("is none while the only one closes", async () => {
      await using _ = leakCheck();
      const pool = await WorkerPool.open({ worker, size: 1 });
      const slow = snooze(300);

      const closing = pool.close();

      assert.equal(await codeOf(home()), "ERR_MERINO_NO_ACTIVE_POOL");
      await Promise.all([slow, closing]);
    });

    test("may be closed out of order", async () => {
      await using _ = leakCheck();
      const first = await WorkerPool.open({ worker, size: 1 });
      const second = await WorkerPool.open({ worker, size: 1 });
      await using _second = second;

      await first.close();

      assert.equal(await home(), second.workers[0]?.uid);
    });
  });

  describe(`WorkerPool.close, each worker a ${worker}`, () => {
    test("is idempotent, shared by concurrent callers, and announced by closed", async () => {
      await using _ = leakCheck();
      const pool = await WorkerPool.open({ worker, size: 1 });
      const pids = pool.workers.map(({ pid }) => pid);
      let closed = false;
      void pool.closed.then(() => {
        closed = true;
      });

      assert.equal(closed, false);
      await Promise.all([pool.close(), pool.close(), pool[Symbol.asyncDispose]()]);
      await pool.close();

      assert.equal(closed, true);
      assert.deepEqual(pids.map(isAlive), [worker === "thread"]); // whose process is this one
      assert.deepEqual(pool.workers, []);
    });

    test("of a pool that was never opened resolves", async () => {
      const pool = new WorkerPool({ worker, size: 1 });

      await pool.close();
      await pool.closed;

      assert.equal(await codeOf(pool.open()), "ERR_MERINO_POOL_CLOSED");
    });

    test("lets calls under way finish and refuses new ones", async () => {
      await using _ = leakCheck();
      const pool = await WorkerPool.open({ worker, size: 2 });
      const calls = Array.from({ length: 10 }, () => snooze(300));

      const closing = pool.close();
      const refused = await codeOf(add.with({ pool })(1, 2));
      const results = await Promise.all(calls);

      assert.equal(refused, "ERR_MERINO_POOL_CLOSED");
      assert.equal(results.length, 10);
      await closing;
    });

    test("aborts what is left when the grace is over: signals fire, calls reject", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      const pool = await WorkerPool.open({ worker, size: 1 });
      const call = codeOf(untilAborted(effects.path("log")));
      const deaf = codeOf(hang(effects.path("deaf")));
      await eventually(() => effects.lines("log").length > 0 && effects.lines("deaf").length > 0);

      const startMs = performance.now();
      await pool.close({ grace: 100 });

      assert.equal(await call, "ERR_MERINO_POOL_CLOSED");
      assert.equal(await deaf, "ERR_MERINO_POOL_CLOSED");
      assert.deepEqual(effects.lines("log"), ["started", "aborted"]);
      assert.ok(performance.now() - startMs < 10_000);
    });

    test("with grace 0 ends calls at once, also in a worker whose thread is blocked", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      const pool = await WorkerPool.open({ worker, size: 1, killGrace: 200 });
      const call = codeOf(block(effects.path("pid")));
      const victim = await eventually(() => Number(effects.lines("pid")[0]));

      await pool.close({ grace: 0 });

      assert.equal(await call, "ERR_MERINO_POOL_CLOSED");
      assert.equal(isAlive(victim), worker === "thread");
    });

    test("takes a shorter grace while it waits", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      const pool = await WorkerPool.open({ worker, size: 1 });
      const call = codeOf(untilAborted(effects.path("log")));
      await eventually(() => effects.lines("log").length > 0);

      const patient = pool.close();
      const hasty = pool.close({ grace: 0 });
      await Promise.all([patient, hasty]);

      assert.equal(await call, "ERR_MERINO_POOL_CLOSED");
    });

    test("waits for a suspended generator and lets its finally run", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      const pool = await WorkerPool.open({ worker, size: 1 });
      const stream = count(effects.path("log"));
      await stream.next();

      const closing = pool.close();
      const more = await stream.next();
      await stream.return();
      await closing;

      assert.equal(more.value, 1);
      assert.deepEqual(effects.lines("log"), ["finally"]);
    });

    test("lets calls finish that wait for a worker's replacement", async () => {
      await using _ = leakCheck();
      const pool = await WorkerPool.open({ worker, size: 1 });
      const lost = rejection(exitWith(1));
      const waiting = Array.from({ length: 50 }, (_, n) => add(n, 1));

      await lost;
      const closing = pool.close();
      const sums = await Promise.all(waiting);
      await closing;

      assert.deepEqual(
        sums,
        waiting.map((_, n) => n + 1),
      );
      assert.equal(pool.stats().restarts, 1);
    });

    test("ends while a worker is being replaced", async () => {
      await using _ = leakCheck();
      const pool = await WorkerPool.open({ worker, size: 1 });
      const { seen, ended } = collectEvents(pool);
      await rejection(exitWith(1));
      await eventually(() => ofType(seen, "worker-replacing").length > 0);

      await pool.close();
      await ended;

      assert.equal(pool.workers.length, 0);
    });

    test("refuses a grace that is not a duration", async () => {
      const pool = new WorkerPool({ worker, size: 1 });

      for (const grace of [-1, Number.NaN, Number.NEGATIVE_INFINITY, "1"]) {
        assert.throws(() => void pool.close({ grace: grace as number }), { option: "grace", value: grace });
      }
      await pool.close();
    });
  });

  describe(`a pool tells about itself, each worker a ${worker}`, () => {
    test("in events: starting, ready, exited, and an end when it is closed", async () => {
      await using _ = leakCheck();
      const pool = new WorkerPool({ worker, size: 1 });
      const { seen, ended } = collectEvents(pool);

      await pool.open();
      const [own] = pool.workers;
      await pool.close();
      await ended;

      assert.ok(own !== undefined);
      assert.deepEqual(
        seen.map((event) => event.type),
        ["worker-starting", "worker-ready", "worker-stopping", "worker-exited"],
      );
      assert.deepEqual(seen[1], { type: "worker-ready", uid: own.uid, pid: own.pid });
      const [exited] = ofType(seen, "worker-exited");
      assert.equal(exited?.expected, true);
      assert.equal(exited?.exitCode, 0);
      assert.equal(exited?.pid, own.pid);
    });

    test("in events, until their signal fires", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ worker, size: 1 });
      const controller = new AbortController();
      const reading = (async () => {
        for await (const _event of pool.events({ signal: controller.signal }));
      })();

      controller.abort();

      await reading;
    });

    test("in stats: what was called, completed, failed, cancelled and is under way", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using pool = await WorkerPool.open({ worker, size: 2 });
      await Promise.all([add(1, 2), add(3, 4)]);
      const controller = new AbortController();
      const cancelled = rejection(untilAborted.with({ signal: controller.signal })(effects.path("log")));
      await eventually(() => effects.lines("log").length > 0);
      const during = pool.stats();

      controller.abort();
      await cancelled;
      await rejection(exitWith(1));

      assert.equal(during.unsettled, 1);
      assert.equal(
        during.workers.reduce((sum, { inFlight }) => sum + inFlight, 0),
        1,
      );
      const { size, calls, completed, failed, cancelled: ended, queued, unsettled } = pool.stats();
      assert.deepEqual(
        { size, calls, completed, failed, ended, queued, unsettled },
        { size: 2, calls: 4, completed: 2, failed: 1, ended: 1, queued: 0, unsettled: 0 },
      );
      await eventually(() => pool.stats().ready === 2, { withinMs: 20_000 });
      assert.equal(pool.stats().restarts, 1);
    });

    test("in explain: members with their state, and what waits", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using pool = await WorkerPool.open({
        worker,
        size: 1,
        killGrace: 100,
        lease: 2,
        discovery: new LocalDiscovery("explained"),
        quorum: 1,
      });
      await add(1, 2);
      const controller = new AbortController();
      const blocked = rejection(block.with({ signal: controller.signal })(effects.path("pid")));
      await eventually(() => effects.lines("pid").length > 0);
      const waiting = add(3, 4);

      const { members, refused, lease, quorum, queued, version } = pool.explain();

      assert.deepEqual({ lease, quorum, queued, refused }, { lease: 3, quorum: 1, queued: 1, refused: [] });
      assert.equal(members.length, 1);
      const [member] = members;
      const [own] = pool.workers;
      assert.deepEqual(
        {
          uid: member?.uid,
          pid: member?.pid,
          state: member?.state,
          own: member?.own,
          inFlight: member?.inFlight,
        },
        { uid: own?.uid, pid: own?.pid, state: "ready", own: true, inFlight: 1 },
      );
      assert.equal(member?.version, version);
      controller.abort();
      await blocked;
      assert.equal(await waiting, 7);
    });
  });
}
