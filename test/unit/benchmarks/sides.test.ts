import assert from "node:assert/strict";
import { test } from "node:test";
import { SIDES, slicesOf } from "../../../benchmarks/against/sides.ts";

const PAIRS = Array.from({ length: 6 }, (_, pair) => slicesOf(pair));

test("slicesOf gives every side two slices, whose middle is that of the pair", () => {
  for (const slices of PAIRS) {
    assert.equal(slices.length, 2 * SIDES.length);
    for (const side of SIDES) {
      assert.equal(slices.indexOf(side) + slices.lastIndexOf(side), slices.length - 1);
    }
  }
});

test("slicesOf lets each side come first, in the middle and last equally often", () => {
  for (const side of SIDES) {
    const places = PAIRS.map((slices) => slices.indexOf(side)).sort();
    assert.deepEqual(places, [0, 0, 1, 1, 2, 2]);
  }
});
