/** Waits between attempts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { backoffDelayMs, DEFAULT_BACKOFF } from "../../../../src/internal/time/backoff.ts";

test("backoffDelayMs grows geometrically to its limit", () => {
  const waits = [1, 2, 3, 20, 5_000].map((attempt) => backoffDelayMs(attempt, DEFAULT_BACKOFF, () => 0.5));

  assert.deepEqual(
    waits.map((wait) => Math.round(wait)),
    [1_000, 1_600, 2_560, 120_000, 120_000],
  );
});

test("backoffDelayMs deviates by no more than the jitter", () => {
  assert.equal(
    backoffDelayMs(1, DEFAULT_BACKOFF, () => 0),
    800,
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, random) => {
        const wait = backoffDelayMs(attempt, DEFAULT_BACKOFF, () => random);
        assert.ok(wait >= 0.8 * DEFAULT_BACKOFF.baseMs && wait <= 1.2 * DEFAULT_BACKOFF.maxMs);
      },
    ),
  );
});

test("backoffDelayMs refuses an attempt that is not a positive integer", () => {
  for (const attempt of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => backoffDelayMs(attempt), RangeError);
  }
});
