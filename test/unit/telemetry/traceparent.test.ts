import assert from "node:assert/strict";
import { test } from "node:test";
import { traceIds } from "../../../src/telemetry/traceparent.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

const read = (traceparent: string) => traceIds(new Map([["traceparent", traceparent]]));

test("a traceparent of version 00 has its ids, and whether it is sampled", () => {
  assert.deepEqual(read(`00-${TRACE}-${SPAN}-01`), { traceId: TRACE, spanId: SPAN, sampled: true });
  assert.deepEqual(read(`00-${TRACE}-${SPAN}-fe`), { traceId: TRACE, spanId: SPAN, sampled: false });
});

test("one of a later version may be longer", () => {
  assert.equal(read(`01-${TRACE}-${SPAN}-01`)?.traceId, TRACE);
  assert.equal(read(`cc-${TRACE}-${SPAN}-01-what-is-new`)?.traceId, TRACE);
  assert.equal(read(`cc-${TRACE}-${SPAN}-01.more`), undefined);
});

test("malformed ones have no ids", () => {
  const malformed = [
    "",
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-1`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\n`,
  ];
  for (const text of malformed) assert.equal(read(text), undefined, JSON.stringify(text));
  assert.equal(traceIds(undefined), undefined);
  assert.equal(traceIds(new Map()), undefined);
});
