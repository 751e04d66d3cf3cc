import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { InvalidOptionError } from "../../../../src/errors/invalid-option-error.ts";
import { resolveSizeRange, type SizeRange } from "../../../../src/pool/size/size-range.ts";

test("resolveSizeRange fills in what is left out", () => {
  const cpus = availableParallelism();

  assert.deepEqual(resolveSizeRange({}), { min: 1, max: cpus, targetWaitMs: 250, idleMs: 30_000 });
  assert.equal(resolveSizeRange({ min: cpus + 3 }).max, cpus + 3);
  assert.deepEqual(resolveSizeRange({ min: 0, max: 3, targetWait: 5, idle: Number.POSITIVE_INFINITY }), {
    min: 0,
    max: 3,
    targetWaitMs: 5,
    idleMs: Number.POSITIVE_INFINITY,
  });
});

test("resolveSizeRange names what it cannot accept", () => {
  for (const [range, option] of [
    [{ min: -1 }, "size.min"],
    [{ min: 1.5 }, "size.min"],
    [{ max: 0 }, "size.max"],
    [{ min: 3, max: 2 }, "size.max"],
    [{ targetWait: 0 }, "size.targetWait"],
    [{ targetWait: Number.NaN }, "size.targetWait"],
    [{ idle: -1 }, "size.idle"],
    [{ least: 1 }, "least"],
  ] as const) {
    assert.throws(
      () => resolveSizeRange(range as SizeRange),
      (error) => error instanceof InvalidOptionError && error.option === option,
      JSON.stringify(range),
    );
  }
});
