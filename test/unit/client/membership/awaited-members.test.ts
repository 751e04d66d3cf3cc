/** Waiting for one worker in particular, not for long and not again soon where that was in vain. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AwaitedMembers } from "../../../../src/client/membership/awaited-members.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

function useAwaited() {
  const clock = useFakeClock();
  const ready = new Set<string>();
  const awaited = new AwaitedMembers(
    { get: (uid) => (ready.has(uid) ? { ready: true } : undefined) },
    new DeadlineQueue(clock),
  );
  return { clock, ready, awaited, none: new AbortController().signal };
}

test("a member that is ready is there at once", async () => {
  const { ready, awaited, none } = useAwaited();
  ready.add("w");

  assert.equal(await awaited.whenReady("w", none), true);
});

test("one that comes in time is there for all who wait", async () => {
  const { awaited, none } = useAwaited();
  const both = Promise.all([awaited.whenReady("w", none), awaited.whenReady("w", none)]);

  awaited.came("other");
  awaited.came("w");

  assert.deepEqual(await both, [true, true]);
});

test("one that does not come is waited for a second, and not again for half a minute, or until it has come", async () => {
  const { clock, awaited, none } = useAwaited();
  const first = awaited.whenReady("w", none);
  await clock.advance(1_000);

  assert.equal(await first, false);
  assert.equal(await awaited.whenReady("w", none), false);
  await clock.advance(30_001);
  const second = awaited.whenReady("w", none);
  await clock.advance(1_000);
  assert.equal(await second, false);
  awaited.came("w");
  const third = awaited.whenReady("w", none);
  awaited.came("w");
  assert.equal(await third, true);
});

test("nobody is waited for any longer once the signal fires, or all is closed", async () => {
  const { awaited, none } = useAwaited();
  const controller = new AbortController();
  const given = awaited.whenReady("w", controller.signal);
  const closed = awaited.whenReady("w", none);

  controller.abort();
  awaited.close();

  assert.deepEqual(await Promise.all([given, closed]), [false, false]);
  assert.equal(await awaited.whenReady("w", controller.signal), false);
});
