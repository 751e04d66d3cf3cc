/** That values take up no more memory than their payload is weighed at, so that a budget which counts that holds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { weighPayload } from "../../../../src/codec/budget/payload-audit.ts";
import { decodeValue } from "../../../../src/codec/decode/decoder.ts";
import { NETWORK } from "../../../../src/identity/taint.ts";
import { processReferences } from "../../../../src/routine/process-references.ts";
import { KEPT_ARGUMENTS, keptArguments } from "../../../support/hostile/kept-arguments.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes that the measured values take up at least, so that nothing else matters beside them. */
const MEASURED_BYTES = 4 * 1024 * 1024;

/** How often it is measured until it is right: what else runs in the process may keep memory meanwhile. */
const ATTEMPTS = 3;

/** Bytes of memory in use once nothing is left to collect. */
function usedBytes(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

for (const what of Object.keys(KEPT_ARGUMENTS)) {
  test(`weighPayload counts for ${what} no less than they take up`, () => {
    const payload = keptArguments(what);
    const { objectBytes, binaryBytes } = weighPayload(payload);
    const weighed = objectBytes + binaryBytes;
    const count = Math.ceil(MEASURED_BYTES / weighed);
    const limit = weighed * count * 1.05;

    let taken = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < ATTEMPTS && taken > limit; attempt++) {
      const kept: unknown[] = new Array(count).fill(undefined);
      const before = usedBytes();
      for (let n = 0; n < count; n++)
        kept[n] = decodeValue(payload, { references: processReferences, source: NETWORK });
      taken = usedBytes() - before;
      assert.equal(kept.length, count);
    }

    assert.ok(taken <= limit, `${taken} bytes, and ${weighed * count} were counted`);
  });
}

test("weighPayload counts what honest programs send at no more than a few times its length", () => {
  const rows = Array.from({ length: 2_000 }, (_, n) => ({
    id: n,
    name: `customer number ${n}`,
    email: `customer${n}@mail.example`,
    active: n % 3 === 0,
    balance: n * 1.25,
  }));
  const values: Readonly<Record<string, unknown>> = {
    rows,
    text: "a line of a log\n".repeat(10_000),
    doubles: Array.from({ length: 20_000 }, (_, n) => n / 3),
    "typed array": new Float64Array(20_000),
    ids: Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`customer-${n}`, n])),
  };

  const times = Object.entries(values).map(([name, value]) => {
    const payload = keptArguments(value);
    const { objectBytes, binaryBytes } = weighPayload(payload);
    return { name, times: (objectBytes + binaryBytes) / (payload.end - payload.start) };
  });

  for (const { name, times: factor } of times) {
    const most = name === "ids" ? 25 : name === "typed array" ? 1.1 : 6;
    assert.ok(factor <= most, `${name} at ${factor.toFixed(1)} times their length`);
  }
});
