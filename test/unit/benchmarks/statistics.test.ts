import assert from "node:assert/strict";
import { test } from "node:test";
import { median, medianRatio, percentile } from "../../../benchmarks/support/statistics.ts";

test("percentile takes the value of the nearest rank, in any order of the values", () => {
  const values = [5, 1, 4, 2, 3];

  assert.equal(percentile(values, 0), 1);
  assert.equal(percentile(values, 0.2), 1);
  assert.equal(percentile(values, 0.21), 2);
  assert.equal(percentile(values, 0.99), 5);
  assert.equal(percentile(values, 1), 5);
  assert.deepEqual(values, [5, 1, 4, 2, 3]);
});

test("percentile refuses no values", () => {
  assert.throws(() => percentile([], 0.5), { name: "RangeError" });
});

test("median is the value in the middle, and the lower one of two", () => {
  assert.equal(median([30, 10, 20]), 20);
  assert.equal(median([4, 1, 3, 2]), 2);
});

test("medianRatio divides round by round", () => {
  assert.equal(medianRatio([10, 40, 90], [10, 20, 30]), 2);
});
