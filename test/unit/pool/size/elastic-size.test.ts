/** A pool's size follows its work, on a clock that stands still. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import type { WorkerEvent } from "../../../../src/pool/pool-event.ts";
import { ElasticSize } from "../../../../src/pool/size/elastic-size.ts";
import type { PoolLoad } from "../../../../src/pool/size/size-policy.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

const RANGE = { min: 0, max: 4, targetWaitMs: 250, idleMs: 1_000 };
const NOTHING: PoolLoad = { calls: 0, ms: 0, waiting: 0 };

/** A call runs on a worker that is not the pool's. */
const ELSEWHERE = { ...NOTHING, elsewhere: true };

function useElastic(range = RANGE) {
  const clock = useFakeClock();
  const events: WorkerEvent[] = [];
  const inFlight = new Map<string, number>();
  const busy = new Set<string>();
  const uids: string[] = [];
  let made = 0;
  const pool: { calls: PoolLoad & { readonly elsewhere?: boolean }; asked: number } = {
    calls: NOTHING,
    asked: 0,
  };
  const times = new Map<string, number | undefined>();
  const size = new ElasticSize({
    range,
    quorum: 1,
    workers: {
      get size() {
        return uids.length;
      },
      grow(count) {
        for (let more = 0; more < count; more += 1) uids.push(`w${made++}`);
      },
      shrink(count, isIdle) {
        const idle = uids.filter((uid) => isIdle(uid)).slice(0, count);
        for (const uid of idle) uids.splice(uids.indexOf(uid), 1);
        return idle.length;
      },
    },
    load(timeMs) {
      pool.asked += 1;
      for (const routine of ["a", "b"]) times.set(routine, timeMs(routine));
      return { elsewhere: false, ...pool.calls };
    },
    inFlightOn: (uid) => inFlight.get(uid) ?? 0,
    event: (event) => void events.push(event),
    queue: new DeadlineQueue(clock),
  });
  return { clock, events, inFlight, busy, uids, pool, size, times };
}

test("ElasticSize starts a worker for the first call, at once, and looks no more when there is nothing to do", async () => {
  const { clock, uids, pool, size, events } = useElastic();
  pool.calls = { calls: 1, ms: 0, waiting: 1 };

  size.wake();
  await clock.advance(1);

  assert.deepEqual(uids, ["w0"]);
  assert.deepEqual(events, [{ type: "pool-resized", from: 0, size: 1, work: 0 }]);
  pool.calls = NOTHING;
  await clock.advance(10_000);
  assert.deepEqual(uids, []);
  const { asked } = pool;
  await clock.advance(100_000);
  assert.equal(pool.asked, asked);
  assert.equal(clock.timerCount, 0);
});

test("ElasticSize looks no more often than its pace, however often it is woken", async () => {
  const { clock, pool, size } = useElastic();
  pool.calls = { calls: 1, ms: 0, waiting: 0 };

  for (let ms = 0; ms < 500; ms += 1) {
    size.wake();
    await clock.advance(1);
  }

  assert.ok(pool.asked >= 10 && pool.asked <= 11, `${pool.asked} looks`);
  size.end();
});

test("ElasticSize never ends a worker with a call, of the pool or of others, for however long that runs", async () => {
  const { clock, uids, pool, size, inFlight } = useElastic();
  pool.calls = { calls: 3, ms: 3_000, waiting: 0 };
  size.wake();
  await clock.advance(200);
  assert.equal(uids.length, 3);
  pool.calls = NOTHING;
  inFlight.set("w0", 1);
  size.told("w1", { tasks: 1, ms: 10, times: {} });

  await clock.advance(60_000);

  assert.deepEqual(uids, ["w0", "w1"]);
  inFlight.clear();
  size.told("w1", { tasks: 0, ms: 0, times: {} });
  await clock.advance(10_000);
  assert.deepEqual(uids, []);
});

test("ElasticSize counts what others have sent to its workers, and not its own calls twice", async () => {
  const { clock, uids, size, inFlight } = useElastic({ ...RANGE, min: 1 });
  uids.push("w0");
  inFlight.set("w0", 6);

  size.told("w0", { tasks: 6, ms: 6_000, times: {} });
  await clock.advance(100);
  assert.equal(uids.length, 1);

  size.told("w0", { tasks: 8, ms: 8_000, times: {} });
  await clock.advance(50);

  assert.equal(size.workMs, 2_000);
  assert.equal(uids.length, 2);
  size.end();
});

test("ElasticSize knows of workers how long routines take", async () => {
  const { clock, size, times, pool } = useElastic();
  pool.calls = { calls: 1, ms: 1, waiting: 0 };
  size.told("w0", { tasks: 1, ms: 7, times: { a: 7 } });

  await clock.advance(50);

  assert.deepEqual(
    [...times],
    [
      ["a", 7],
      ["b", undefined],
    ],
  );
  size.end();
});

test("ElasticSize does nothing once it has ended", async () => {
  const { clock, uids, pool, size } = useElastic();
  pool.calls = { calls: 1, ms: 0, waiting: 1 };
  size.wake();

  size.end();
  size.wake();
  await clock.advance(10_000);

  assert.deepEqual(uids, []);
});

test("ElasticSize goes on looking while a call runs on a worker that was found, since those that follow may wait", async () => {
  const { clock, uids, pool, size } = useElastic();
  pool.calls = ELSEWHERE;
  size.wake();
  await clock.advance(100);
  assert.deepEqual(uids, []);

  pool.calls = { ...ELSEWHERE, calls: 1, waiting: 1 };
  await clock.advance(100);

  assert.deepEqual(uids, ["w0"]);
});
