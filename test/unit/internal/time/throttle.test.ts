/** Repeated messages, let through sparingly. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createThrottle } from "../../../../src/internal/time/throttle.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

test("createThrottle lets the first message out at once and an identical one only after the interval", async () => {
  using clock = useFakeClock();
  const log: [string, number][] = [];
  const offer = createThrottle((...message) => log.push(message), { intervalMs: 100, clock });

  assert.equal(offer("w1", "down"), true);
  assert.equal(offer("w1", "down"), false);
  await clock.advance(99);
  assert.equal(offer("w1", "down"), false);
  await clock.advance(1);
  assert.equal(offer("w1", "down"), true);

  assert.deepEqual(log, [
    ["down", 0],
    ["down", 2],
  ]);
});

test("createThrottle lets a changed message out at once, with the number held back before it", () => {
  using clock = useFakeClock();
  const log: [string, number][] = [];
  const offer = createThrottle((...message) => log.push(message), { intervalMs: 100, clock });

  offer("w1", "down");
  offer("w1", "down");
  offer("w1", "refused");

  assert.deepEqual(log, [
    ["down", 0],
    ["refused", 1],
  ]);
});

test("createThrottle holds a changed message back like any other where the key is the limit", async () => {
  using clock = useFakeClock();
  const log: [string, number][] = [];
  const options = { intervalMs: 100, changedAtOnce: false, clock };
  const offer = createThrottle((...message) => log.push(message), options);

  for (const text of ["down", "refused", "another worker"]) offer("w1", text);
  await clock.advance(100);
  offer("w1", "silent");

  assert.deepEqual(log, [
    ["down", 0],
    ["silent", 2],
  ]);
});

test("createThrottle judges each key for itself", () => {
  using clock = useFakeClock();
  const log: string[] = [];
  const offer = createThrottle((text) => log.push(text), { intervalMs: 100, clock });

  offer("w1", "down");
  offer("w2", "down");

  assert.deepEqual(log, ["down", "down"]);
});

test("createThrottle forgets the key longest unheard of when there are too many", () => {
  using clock = useFakeClock();
  const log: string[] = [];
  const offer = createThrottle((text) => log.push(text), { intervalMs: 100, keyLimit: 2, clock });
  offer("a", "a");
  offer("b", "b");
  offer("a", "a");

  offer("c", "c");

  assert.equal(offer("a", "a"), false);
  assert.equal(offer("b", "b"), true);
  assert.deepEqual(log, ["a", "b", "c", "b"]);
});
