/** How long the calls of a worker that is to end may take. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ShutDown } from "../../../src/host/shut-down.ts";
import { DeadlineQueue } from "../../../src/internal/time/deadline-queue.ts";
import { type FakeClock, useFakeClock } from "../../support/use-fake-clock.ts";

/** A shut-down whose work ends when it is cut short. */
function begin(clock: FakeClock): { readonly shutDown: ShutDown; readonly ended: () => boolean } {
  let over = false;
  const shutDown = new ShutDown((cutShort) => cutShort, new DeadlineQueue(clock));
  void shutDown.done.then(() => {
    over = true;
  });
  return { shutDown, ended: () => over };
}

test("ShutDown cuts its work short when the shortest of the times granted is over", async () => {
  using clock = useFakeClock();
  const { shutDown, ended } = begin(clock);

  shutDown.shorten(Number.POSITIVE_INFINITY);
  shutDown.shorten(1_000);
  await clock.advance(100);
  shutDown.shorten(300);
  shutDown.shorten(5_000);

  await clock.advance(299);
  assert.equal(ended(), false);
  await clock.advance(2);
  assert.equal(ended(), true);
});

test("ShutDown without a limit goes on until its work is done", async () => {
  using clock = useFakeClock();
  const { shutDown, ended } = begin(clock);

  shutDown.shorten(Number.POSITIVE_INFINITY);
  await clock.advance(100_000_000);

  assert.equal(ended(), false);
});

test("ShutDown that is granted no time cuts its work short at once", async () => {
  using clock = useFakeClock();
  const { shutDown } = begin(clock);

  shutDown.shorten(0);

  await shutDown.done;
});
