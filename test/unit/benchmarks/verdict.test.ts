import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "../../../benchmarks/against/row.ts";
import { judge, type PairFigures } from "../../../benchmarks/against/verdict.ts";

const RATE: Row = { name: "rate", unit: "calls/s", better: "higher", tolerance: 0.03 };
const TIME: Row = { name: "time", unit: "µs", better: "lower", tolerance: 0.03 };
const SIZE: Row = { name: "size", unit: "kB", better: "lower", tolerance: 0 };

/** Pairs in which the old side is 100, the new one the given figures, and the twin off by the given factors. */
function pairsOf(fresh: readonly number[], twin: readonly number[] = fresh.map(() => 1)): PairFigures[] {
  return fresh.map((figure, pair) => ({ new: figure, old: 100, twin: 100 * (twin[pair] ?? 1) }));
}

test("judge turns ratios so that above 1 is better", () => {
  assert.equal(judge(RATE, pairsOf([200, 200, 200])).ratio, 2);
  assert.equal(judge(TIME, pairsOf([200, 200, 200])).ratio, 0.5);
});

test("judge takes the median of the ratios, not the ratio of medians", () => {
  const pairs = [
    { new: 10, old: 10, twin: 10 },
    { new: 40, old: 20, twin: 20 },
    { new: 90, old: 30, twin: 30 },
  ];

  const { ratio, ratios, old, new: fresh } = judge(RATE, pairs);

  assert.deepEqual(ratios, [1, 2, 3]);
  assert.deepEqual({ ratio, old, fresh }, { ratio: 2, old: 20, fresh: 40 });
});

test("judge tolerates 3 % where the other commit does not vary", () => {
  assert.equal(judge(RATE, pairsOf([97, 97, 97])).verdict, "same");
  assert.equal(judge(RATE, pairsOf([96.9, 96.9, 96.9])).verdict, "worse");
  assert.equal(judge(RATE, pairsOf([103, 103, 103])).verdict, "same");
  assert.equal(judge(RATE, pairsOf([103.2, 103.2, 103.2])).verdict, "better");
  assert.equal(judge(TIME, pairsOf([104, 104, 104])).verdict, "worse");
  assert.equal(judge(TIME, pairsOf([96, 96, 96])).verdict, "better");
});

test("judge tolerates as much as the other commit varies by itself, to either side", () => {
  for (const twin of [
    [1, 1.25, 1],
    [1, 0.8, 1],
  ]) {
    assert.equal(judge(RATE, pairsOf([80.1, 80.1, 80.1], twin)).verdict, "same");
    assert.equal(judge(RATE, pairsOf([79.9, 79.9, 79.9], twin)).verdict, "worse");
    assert.equal(judge(RATE, pairsOf([124.9, 124.9, 124.9], twin)).verdict, "same");
    assert.equal(judge(RATE, pairsOf([125.1, 125.1, 125.1], twin)).verdict, "better");
  }
});

test("judge leaves one pair in twenty out of the spread", () => {
  const twin = Array.from({ length: 20 }, (_, pair) => (pair === 7 ? 3 : 1.1));

  const { spread } = judge(RATE, pairsOf(new Array(20).fill(100), twin));

  assert.ok(Math.abs(spread - 1.1) < 1e-9, `${spread}`);
});

test("judge lets one disturbed pair decide nothing", () => {
  assert.equal(judge(RATE, pairsOf([100, 20, 101])).verdict, "same");
});

test("judge tolerates nothing where a figure is exact", () => {
  assert.equal(judge(SIZE, pairsOf([100])).verdict, "same");
  assert.equal(judge(SIZE, pairsOf([100.001])).verdict, "worse");
  assert.equal(judge(SIZE, pairsOf([99.999])).verdict, "better");
});

test("judge refuses figures of which no ratio can be made", () => {
  for (const figure of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => judge(RATE, pairsOf([100, figure, 100])), { name: "RangeError", message: /'rate'/ });
  }
  assert.throws(() => judge(RATE, []), { name: "RangeError" });
});
