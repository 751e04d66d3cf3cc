import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvalidOptionError } from "../../../../src/errors/invalid-option-error.ts";
import {
  chooseLimits,
  type RecycleOptions,
  resolveRecycle,
  wearOf,
} from "../../../../src/process/recycle/recycle-options.ts";

const NEVER = Number.POSITIVE_INFINITY;

test("resolveRecycle fills in what is left out", () => {
  assert.deepEqual(resolveRecycle({ calls: 50 }), {
    calls: 50,
    ageMs: NEVER,
    memoryBytes: NEVER,
    jitter: 0.2,
  });
  assert.deepEqual(resolveRecycle({ age: 1.5, memory: 7, jitter: 0 }), {
    calls: NEVER,
    ageMs: 1.5,
    memoryBytes: 7,
    jitter: 0,
  });
});

test("resolveRecycle names what it cannot accept", () => {
  for (const [options, option] of [
    [{}, "recycle"],
    [{ jitter: 0.1 }, "recycle"],
    [null, "recycle"],
    [7, "recycle"],
    [{ calls: 0 }, "recycle.calls"],
    [{ calls: 1.5 }, "recycle.calls"],
    [{ age: 0 }, "recycle.age"],
    [{ memory: "1 GB" }, "recycle.memory"],
    [{ calls: 1, jitter: 1.1 }, "recycle.jitter"],
    [{ calls: 1, jitter: Number.NaN }, "recycle.jitter"],
    [{ rss: 1 }, "rss"],
  ] as const) {
    assert.throws(
      () => resolveRecycle(options as RecycleOptions),
      (error) => error instanceof InvalidOptionError && error.option === option,
      JSON.stringify(options),
    );
  }
});

test("chooseLimits stays within the jitter, below what was asked for", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e9 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (limit, jitter, chance) => {
        const options = resolveRecycle({
          calls: limit,
          age: Math.min(limit, 1e9 - 1),
          memory: limit,
          jitter,
        });

        const { calls, ageMs, memoryBytes } = chooseLimits(options, () => chance);

        for (const chosen of [calls, ageMs, memoryBytes]) {
          assert.ok(chosen <= limit && chosen >= Math.min(1, limit) * (1 - jitter) * 0.999);
        }
        assert.ok(Number.isSafeInteger(calls) && calls >= 1);
        assert.ok(Number.isSafeInteger(memoryBytes) && memoryBytes >= 1);
      },
    ),
  );
});

test("chooseLimits leaves limits that were not given without end, and wearOf does not tell them", () => {
  const limits = chooseLimits(resolveRecycle({ age: 100 }), () => 0);

  assert.deepEqual(limits, { calls: NEVER, ageMs: 100, memoryBytes: NEVER });
  assert.equal(wearOf(limits), undefined);
  assert.deepEqual(wearOf({ ...limits, calls: 5 }), { calls: 5 });
  assert.deepEqual(wearOf({ ...limits, memoryBytes: 6 }), { memory: 6 });
});
