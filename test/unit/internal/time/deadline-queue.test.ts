/** Deadlines on one timer: order, cancellation, memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_TIMER_MS } from "../../../../src/internal/time/clock.ts";
import { type DeadlineEntry, DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

test("DeadlineQueue runs each deadline at its time and none before", async () => {
  using clock = useFakeClock(0);
  const queue = new DeadlineQueue(clock);
  const log: string[] = [];
  queue.add(30, () => log.push("c"));
  queue.add(10, () => log.push("a"));
  queue.add(20, () => log.push("b"));

  await clock.advance(9);
  assert.deepEqual(log, []);
  await clock.advance(1);
  assert.deepEqual(log, ["a"]);
  await clock.advance(20);
  assert.deepEqual(log, ["a", "b", "c"]);
  assert.equal(queue.size, 0);
  assert.equal(clock.timerCount, 0);
});

test("DeadlineQueue runs deadlines of one instant in the order in which they were added", async () => {
  using clock = useFakeClock(0);
  const queue = new DeadlineQueue(clock);
  const log: number[] = [];
  for (let n = 0; n < 20; n++) queue.add(5, () => log.push(n));

  await clock.advance(5);

  assert.deepEqual(log, [...new Array(20).keys()]);
});

test("DeadlineQueue counts the time of `after` from when it is called", async () => {
  using clock = useFakeClock(500);
  const queue = new DeadlineQueue(clock);
  const log: string[] = [];
  const cancelled = queue.after(20, () => log.push("cancelled"));
  const entry = queue.after(30, () => log.push("after"));
  queue.add(529, () => log.push("at"));

  queue.cancel(cancelled);
  await clock.advance(29);
  const before = [...log];
  await clock.advance(1);

  assert.equal(entry.atMs, 530);
  assert.deepEqual([before, log], [["at"], ["at", "after"]]);
});

test("DeadlineQueue never runs a deadline synchronously, also one that has passed", async () => {
  using clock = useFakeClock(100);
  const queue = new DeadlineQueue(clock);
  let ran = 0;
  queue.add(50, () => (ran += 1));

  assert.equal(ran, 0);
  await clock.advance(1);
  assert.equal(ran, 1);
});

test("DeadlineQueue lets a callback add a deadline that is due without starving the rest", async () => {
  using clock = useFakeClock(0);
  const queue = new DeadlineQueue(clock);
  let repeats = 0;
  const again = (): void => {
    repeats += 1;
    if (repeats < 5) queue.add(clock.now() - 1, again);
  };
  queue.add(10, again);
  let other = false;
  queue.add(11, () => (other = true));

  await clock.advance(10);
  assert.equal(repeats, 1);
  await clock.advance(10);
  assert.equal(repeats, 5);
  assert.equal(other, true);
});

test("DeadlineQueue does not run what a callback of the same instant cancels", async () => {
  using clock = useFakeClock(0);
  const queue = new DeadlineQueue(clock);
  const log: string[] = [];
  const entries: DeadlineEntry[] = [];
  queue.add(5, () => {
    log.push("first");
    for (const entry of entries) assert.equal(queue.cancel(entry), true);
  });
  entries.push(queue.add(5, () => log.push("second")));

  await clock.advance(5);

  assert.deepEqual(log, ["first"]);
});

test("DeadlineQueue.cancel says whether the deadline was still to come, and is idempotent", async () => {
  using clock = useFakeClock(0);
  const queue = new DeadlineQueue(clock);
  const cancelled = queue.add(5, () => assert.fail("cancelled"));
  const met = queue.add(5, () => {});

  assert.equal(queue.cancel(cancelled), true);
  assert.equal(queue.cancel(cancelled), false);
  await clock.advance(5);
  assert.equal(queue.cancel(met), false);
  assert.equal(queue.size, 0);
});

test("DeadlineQueue keeps serving after a callback throws", () => {
  let nowMs = 0;
  const timers: (() => void)[] = [];
  const queue = new DeadlineQueue({
    now: () => nowMs,
    setTimeout(run) {
      timers.push(run);
      return { [Symbol.dispose]() {} };
    },
  });
  const failure = new Error("from a callback");
  let ran = false;
  queue.add(1, () => {
    throw failure;
  });
  queue.add(2, () => (ran = true));
  nowMs = 5;

  assert.throws(() => timers.shift()?.(), failure);
  assert.equal(ran, false);
  timers.shift()?.();
  assert.equal(ran, true);
});

test("DeadlineQueue sets one timer for many deadlines and moves it only for an earlier one", async () => {
  using clock = useFakeClock(0);
  const queue = new DeadlineQueue(clock);

  for (let n = 0; n < 1_000; n++) queue.cancel(queue.add(1_000 + n, () => {}));
  assert.equal(clock.timersSet, 1);
  queue.add(500, () => {});
  assert.equal(clock.timersSet, 2);
  assert.equal(clock.timerCount, 1);
  await clock.advance(500);
  assert.equal(clock.timerCount, 0);
});

test("DeadlineQueue waits for deadlines beyond the longest timer, and for ever", async () => {
  using clock = useFakeClock(0);
  const queue = new DeadlineQueue(clock);
  let ran = false;
  queue.add(MAX_TIMER_MS + 10, () => (ran = true));
  const never = queue.add(Number.POSITIVE_INFINITY, () => assert.fail("infinity came"));

  await clock.advance(MAX_TIMER_MS + 9);
  assert.equal(ran, false);
  await clock.advance(1);
  assert.equal(ran, true);
  assert.equal(queue.size, 1);
  assert.equal(queue.cancel(never), true);
});

test("DeadlineQueue holds nothing after a million additions and cancellations", () => {
  using clock = useFakeClock(0);
  const queue = new DeadlineQueue(clock);
  const entries: DeadlineEntry[] = [];

  for (let n = 0; n < 1_000_000; n++) {
    entries.push(queue.add(30_000 + (n % 977), () => {}));
    if (entries.length === 100) for (const entry of entries.splice(0)) queue.cancel(entry);
  }

  assert.equal(queue.size, 0);
  assert.equal(clock.timersSet, 1);
});

test("DeadlineQueue lets go of a callback when its deadline is cancelled or met", async () => {
  using clock = useFakeClock(0);
  const queue = new DeadlineQueue(clock);
  const callback = (): void => {};
  const cancelled = queue.add(5, callback);
  const met = queue.add(5, callback);

  queue.cancel(cancelled);
  await clock.advance(5);

  assert.notEqual(cancelled.run, callback);
  assert.notEqual(met.run, callback);
});

test("DeadlineQueue agrees with a sorted list under any sequence of additions and cancellations", async () => {
  const command = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ cancel: fc.nat() }),
    fc.record({ advance: fc.integer({ min: 0, max: 10 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
      using clock = useFakeClock(0);
      const queue = new DeadlineQueue(clock);
      const ran: number[] = [];
      const entries: DeadlineEntry[] = [];
      const model = new Map<number, number>();
      const expected: number[] = [];
      for (const step of commands) {
        if ("add" in step) {
          const atMs = clock.now() + 1 + step.add;
          const id = entries.length;
          model.set(id, atMs);
          entries.push(queue.add(atMs, () => ran.push(id)));
        } else if ("cancel" in step) {
          const id = step.cancel % (entries.length + 1);
          const entry = entries[id];
          if (entry !== undefined) assert.equal(queue.cancel(entry), model.delete(id));
        } else {
          await clock.advance(step.advance);
          const due = [...model].filter(([, atMs]) => atMs <= clock.now());
          due.sort(([idA, atA], [idB, atB]) => atA - atB || idA - idB);
          for (const [id] of due) {
            expected.push(id);
            model.delete(id);
          }
          assert.deepEqual(ran, expected);
        }
        assert.equal(queue.size, model.size);
      }
    }),
    { numRuns: 60 },
  );
});
