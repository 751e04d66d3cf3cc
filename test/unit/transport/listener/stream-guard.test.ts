import assert from "node:assert/strict";
import { test } from "node:test";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { StreamGuard, type StreamPermit } from "../../../../src/transport/listener/stream-guard.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

/** Lets a stream in; a guard that does not fails the test. */
function admitted(guard: StreamGuard, codes: number[] = []): StreamPermit {
  const permit = guard.admit(({ code }) => codes.push(code));
  assert.ok(permit !== undefined);
  return permit;
}

test("StreamGuard lets so many streams in, and another one when one has closed", () => {
  const guard = new StreamGuard({ maxStreams: 2, greetingMs: 60_000 });

  const first = admitted(guard);
  const second = admitted(guard);
  const refused = guard.admit(() => {});
  first.closed();
  const third = admitted(guard);

  assert.equal(refused, undefined);
  assert.equal(guard.open, 2);
  for (const permit of [second, third]) permit.closed();
  assert.equal(guard.open, 0);
});

test("StreamGuard ends a stream on which nothing is said, and no other", async () => {
  using clock = useFakeClock();
  const queue = new DeadlineQueue(clock);
  const guard = new StreamGuard({ maxStreams: 9, greetingMs: 20 }, queue);
  const codes: [silent: number[], talking: number[], gone: number[]] = [[], [], []];
  const [, talking, gone] = codes.map((ends) => admitted(guard, ends));

  talking?.greeted();
  gone?.closed();
  await clock.advance(19);
  const early = codes[0].length;
  await clock.advance(1);

  assert.equal(early, 0);
  assert.deepEqual(codes, [[4], [], []]);
  assert.deepEqual([guard.open, queue.size], [2, 0]);
});
