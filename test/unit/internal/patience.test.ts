/** Patience is lost with waits that do not pay, and tried again ever more rarely until one does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Patience } from "../../../src/internal/patience.ts";

/** Waits, none of which pays. Returns which of them were awake. */
function wasteWaits(patience: Patience, count: number): number[] {
  const awake: number[] = [];
  for (let wait = 0; wait < count; wait++) {
    if (!patience.tries()) continue;
    patience.wasted();
    awake.push(wait);
  }
  return awake;
}

test("Patience tries again after twice as many waits each time, up to a limit", () => {
  const patience = new Patience({ firstPause: 1, lastPause: 8, processors: 2 });

  assert.deepEqual(wasteWaits(patience, 36), [0, 1, 2, 3, 4, 6, 10, 18, 26, 34]);
});

test("Patience begins anew with short pauses once a wait has paid", () => {
  const patience = new Patience({ firstPause: 1, lastPause: 8, processors: 2 });
  wasteWaits(patience, 19);

  while (!patience.tries());
  patience.paid();

  assert.deepEqual(wasteWaits(patience, 8), [0, 1, 2, 3, 5]);
});

test("Patience has none on one processor", () => {
  assert.equal(new Patience({ processors: 1 }).tries(), false);
});
