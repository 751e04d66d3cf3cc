import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBenchmarkOptions } from "../../../benchmarks/support/options.ts";

const PLAIN = { quick: false, json: false, check: false };

function parse(text: string, comparable = true) {
  return parseBenchmarkOptions(text.split(" ").filter(Boolean), { comparable });
}

test("parseBenchmarkOptions knows what all benchmarks take", () => {
  assert.deepEqual({ ...parse("") }, PLAIN);
  assert.deepEqual({ ...parse("--quick --json --check", false) }, { quick: true, json: true, check: true });
});

test("parseBenchmarkOptions fills in the pairs and rows of a comparison", () => {
  assert.deepEqual(parse("--against main"), { ...PLAIN, ref: "main", pairs: 9, rows: [] });
  assert.deepEqual(parse("--against main --quick"), {
    ...PLAIN,
    quick: true,
    ref: "main",
    pairs: 3,
    rows: [],
  });
  assert.deepEqual(parse("--against main --quick --pairs 5 --rows one,,flat"), {
    ...PLAIN,
    quick: true,
    ref: "main",
    pairs: 5,
    rows: ["one", "flat"],
  });
});

test("parseBenchmarkOptions lets rows be chosen, and tables be written, where a benchmark takes that", () => {
  const parseSelectable = (text: string) =>
    parseBenchmarkOptions(text.split(" "), { comparable: true, selectable: true });

  assert.deepEqual(parseSelectable("--rows one,echo --markdown"), {
    ...PLAIN,
    markdown: true,
    write: false,
    rows: ["one", "echo"],
  });
  assert.throws(() => parseSelectable("--against main --write"), { name: "BenchmarkError" });
  assert.throws(() => parse("--write", false), { name: "BenchmarkError" });
});

test("parseBenchmarkOptions refuses what it does not know, and says what there is", () => {
  for (const text of [
    "--fast",
    "main",
    "--against",
    "--pairs 9",
    "--rows one",
    "--against main --pairs 2",
    "--against main --pairs many",
    "--against main --pairs 3.5",
  ]) {
    assert.throws(() => parse(text), { name: "BenchmarkError", exitCode: 2, message: /--against REF/ }, text);
  }
});

test("parseBenchmarkOptions refuses a comparison where there is none", () => {
  assert.throws(() => parse("--against main", false), { name: "BenchmarkError", exitCode: 2 });
});
