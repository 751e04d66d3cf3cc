/** What waits in a pool, in which order, how much of it, and for how long bodies run; over processes and threads. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import {
  isMerinoError,
  LocalDiscovery,
  type PoolEvent,
  QueueFullError,
  TimeoutError,
  WorkerPool,
} from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { rejection } from "./fixtures/pool-support.ts";
import {
  beginnings,
  blocks,
  counts,
  heeds,
  hold,
  ignores,
  itself,
  mostOfTwo,
  two,
} from "./fixtures/queue-routines.ts";

/** Makes every call of `hold` count as a long one, so that one is sent at a time. */
async function learnThatHoldIsLong(): Promise<void> {
  await hold("long", 5);
  await beginnings();
}

for (const worker of ["process", "thread"] as const) {
  describe(`the queue of a pool with workers of the kind "${worker}"`, () => {
    test("starts the call of the highest priority next, behind ten thousand others", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ size: 1, worker });
      await learnThatHoldIsLong();
      const blocked = hold("first", 100);
      const others = Array.from({ length: 10_000 }, (_value, n) => hold(`other ${n}`));

      const urgent = hold.with({ priority: 1 })("urgent");
      const background = hold.with({ priority: -1 })("background");
      assert.ok(pool.stats().queued >= 10_000);
      await urgent;
      const order = await beginnings.with({ priority: 2 })();

      assert.equal(order[0], "first");
      // What had been sent ahead by then is over; the urgent one went past all that waited in the pool.
      assert.ok(order.indexOf("urgent") <= 2, order.slice(0, 5).join());
      await Promise.all([blocked, background, ...others]);
      assert.equal((await beginnings()).at(-1), "background");
    });

    test("lets a call of a low priority start in its turn, however many more urgent ones come", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ size: 1, worker });
      await learnThatHoldIsLong();
      const blocked = hold("first", 20);
      const low = hold.with({ priority: -5 })("low", 2);
      const urgent = Array.from({ length: 40 }, (_value, n) => hold.with({ priority: 5 })(`urgent ${n}`, 2));

      await Promise.all([blocked, low, ...urgent]);
      const order = await beginnings();

      const at = order.indexOf("low");
      assert.ok(at > 0 && at <= 9, `as the ${at}. of ${order.length}`);
    });

    test("refuses a call at once when as many wait as may, and nested calls never", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ size: 1, worker, maxQueue: 2 });
      await learnThatHoldIsLong();
      const events: PoolEvent[] = [];
      const reading = (async () => {
        for await (const event of pool.events({ tasks: false })) events.push(event);
      })();
      await turn();
      const running = hold("running", 50);
      const waiting = [hold("1"), hold("2")];

      const error = await rejection(hold("3"));

      assert.ok(error instanceof QueueFullError);
      assert.equal(error.code, "ERR_MERINO_QUEUE_FULL");
      assert.deepEqual([error.maxQueue, error.routine.endsWith("#hold")], [2, true]);
      const { queued, held, oldestWait } = pool.stats();
      assert.deepEqual([queued, held, oldestWait >= 0], [2, 0, true]);
      assert.deepEqual(await Promise.all([running, ...waiting]), ["running", "1", "2"]);
      await pool.drained();
      assert.equal(await hold("4"), "4");
      await pool.close();
      await reading;
      assert.deepEqual(
        events.filter(({ type }) => type.startsWith("queue")),
        [{ type: "queue-full", queued: 2, overflow: "reject" }, { type: "queue-drained" }],
      );
    });

    test("has calls wait without their arguments being read, if it is to", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ size: 1, worker, maxQueue: 1, overflow: "wait" });
      await learnThatHoldIsLong();
      const running = hold("running", 50);
      const waiting = hold("1");
      let read = 0;
      const argument = {
        get name(): string {
          read += 1;
          return "late";
        },
      };
      const controller = new AbortController();

      const late = hold(argument as unknown as string);
      const cancelled = hold.with({ signal: controller.signal })("never");
      const expired = hold.with({ timeout: 5 })("neither");
      const drained = pool.drained();
      assert.deepEqual([pool.stats().queued, pool.stats().held, read], [1, 3, 0]);
      controller.abort(new Error("not any more"));

      assert.equal(((await rejection(cancelled)) as Error).message, "not any more");
      const timeout = await rejection(expired);
      assert.ok(timeout instanceof TimeoutError && timeout.phase === "queued" && timeout.timeout === 5);
      assert.deepEqual(await late, { name: "late" });
      assert.equal(read, 1);
      await Promise.all([running, waiting, drained]);
      assert.deepEqual(await beginnings(), ["running", "1", { name: "late" }]);
    });

    test("finishes the calls that it holds when it closes", async () => {
      await using _ = leakCheck();
      const pool = await WorkerPool.open({ size: 1, worker, maxQueue: 1, overflow: "wait" });
      await learnThatHoldIsLong();
      const calls = Array.from({ length: 5 }, (_value, n) => hold(`${n}`, 5));
      const values: Promise<number[]> = (async () => {
        const seen: number[] = [];
        for await (const n of counts()) {
          seen.push(n);
          if (n === 1) break;
        }
        return seen;
      })();
      assert.ok(pool.stats().held > 0);

      await Promise.all([values, pool.close()]);

      assert.deepEqual(await Promise.all(calls), ["0", "1", "2", "3", "4"]);
      assert.deepEqual(await values, [0, 1]);
    });

    test("runs no more bodies of a routine in one worker than its limit, and loses no call", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ size: 2, worker });

      const calls = Array.from({ length: 60 }, () => two(5));
      // What has no limit goes past those that wait for theirs.
      await hold("past");
      const homes = new Set(await Promise.all(calls));

      assert.equal(homes.size, worker === "process" ? 2 : 1);
      for await (const most of pool.map(() => mostOfTwo(), [1, 2, 3, 4])) assert.ok(most <= 2, `${most} ran`);
      assert.equal(pool.explain().limited.length, 0);
    });

    test("refuses a nested call of a routine whose limit its caller has reached, and does not wait for itself", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ size: 1, worker });

      assert.equal(await itself(0), 0);
      const error = await rejection(itself(1));

      assert.ok(isMerinoError(error) && error.code === "ERR_MERINO_NO_WORKERS");
    });

    test("ends a body for its runTimeout, and counts no time before it begins", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ size: 1, worker, killGrace: 10_000 });
      await learnThatHoldIsLong();
      const blocked = hold("first", 1_100);

      // It waits for longer than it may run.
      assert.equal(await hold.with({ runTimeout: 1_000 })("second"), "second");
      await blocked;
      for (const own of [false, true]) {
        const error = await rejection(heeds.with({ runTimeout: 20, timeout: 60_000 })(own));
        assert.ok(error instanceof TimeoutError, String(error));
        assert.deepEqual([error.code, error.timeout, error.phase], ["ERR_MERINO_TIMEOUT", 20, "running"]);
        assert.match(error.message, /runTimeout of 20 ms/);
      }
      const ignored = await rejection(ignores.with({ runTimeout: 20 })(5_000));
      assert.ok(ignored instanceof TimeoutError);
      const counted = await rejection(
        (async () => {
          for await (const _n of counts.with({ runTimeout: 50 })());
        })(),
      );
      assert.ok(counted instanceof TimeoutError);
      assert.match(counted.message, /runTimeout/);
    });

    test("replaces a worker that a body blocks past its runTimeout", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ size: 1, worker, killGrace: 50 });

      const error = await rejection(blocks.with({ runTimeout: 20 })(60_000));

      assert.ok(error instanceof TimeoutError);
      await eventually(() => pool.stats().restarts === 1);
      assert.equal(await hold("alive"), "alive");
    });
  });
}

test("shares a limit with another pool, whose refusals it learns from, without asking all the time", async () => {
  await using _ = leakCheck();
  const namespace = `queue-${process.pid}`;
  const discovery = new LocalDiscovery(namespace);
  await using owner = await WorkerPool.open({ size: 1, discovery, ambient: false });
  await using other = await WorkerPool.open({ discovery, ambient: false });
  await other.run(() => mostOfTwo());
  const calls = [owner, other].flatMap((pool) => Array.from({ length: 20 }, () => two.with({ pool })(10)));

  await Promise.all(calls);

  assert.equal(await owner.run(() => mostOfTwo()), 2);
  const refusals = owner.stats().redirected + other.stats().redirected;
  // Asked again at once, each would refuse thousands.
  assert.ok(refusals < 400, `${refusals} refusals`);
});
