/** Waiting that ends, and leaves no deadline and no listener behind. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { pause, waitAtMost } from "../../../../src/internal/time/wait.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

test("pause lasts as long as it is told", async () => {
  using clock = useFakeClock();
  const queue = new DeadlineQueue(clock);
  let over = false;
  const { signal } = new AbortController();
  void pause(100, signal, queue).then(() => (over = true));

  await clock.advance(99);
  const before = over;
  await clock.advance(1);

  assert.deepEqual([before, over, getEventListeners(signal, "abort").length], [false, true, 0]);
});

test("pause ends when its signal fires, also if it has fired before", async () => {
  using clock = useFakeClock();
  const queue = new DeadlineQueue(clock);
  const controller = new AbortController();
  const paused = pause(Number.POSITIVE_INFINITY, controller.signal, queue);

  controller.abort();
  await paused;
  await pause(100, controller.signal, queue);

  assert.deepEqual([queue.size, getEventListeners(controller.signal, "abort").length], [0, 0]);
});

test("waitAtMost passes on what the promise comes to before the limit", async () => {
  using clock = useFakeClock();
  const queue = new DeadlineQueue(clock);
  const failure = new Error("no");

  const value = await waitAtMost(100, Promise.resolve(7), queue);
  await assert.rejects(waitAtMost(100, Promise.reject(failure), queue), failure);

  assert.deepEqual([value, queue.size], [7, 0]);
});

test("waitAtMost gives up at the limit, and ignores what comes later", async () => {
  using clock = useFakeClock();
  const queue = new DeadlineQueue(clock);
  const slow = createDeferred<number>();
  let outcome: unknown = "waiting";
  void waitAtMost(100, slow.promise, queue).then((value) => (outcome = value));

  await clock.advance(99);
  const before = outcome;
  await clock.advance(1);
  slow.reject(new Error("too late for anybody"));
  await clock.advance(0);

  assert.deepEqual([before, outcome], ["waiting", undefined]);
});
