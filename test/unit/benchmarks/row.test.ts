import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseRows, type Row } from "../../../benchmarks/against/row.ts";

const ROWS: readonly Row[] = ["local/one/p50", "local/one/p99", "network/one/p50", "network/flat"].map(
  (name) => ({ name, unit: "µs", better: "lower", tolerance: 0.03 }),
);

function choose(...wanted: string[]): readonly string[] {
  return chooseRows(ROWS, wanted).map(({ name }) => name);
}

test("chooseRows chooses all rows if none is named", () => {
  assert.deepEqual(
    choose(),
    ROWS.map(({ name }) => name),
  );
});

test("chooseRows takes names and whole parts of names, and keeps the order of the rows", () => {
  assert.deepEqual(choose("network/flat", "p99"), ["local/one/p99", "network/flat"]);
  assert.deepEqual(choose("network"), ["network/one/p50", "network/flat"]);
  assert.deepEqual(choose("one/p50"), ["local/one/p50", "network/one/p50"]);
});

test("chooseRows refuses what names no row, and says which there are", () => {
  assert.throws(() => choose("flat", "net"), {
    name: "BenchmarkError",
    message: /'net'[\s\S]*network\/flat/,
  });
});
