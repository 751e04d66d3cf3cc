import assert from "node:assert/strict";
import { test } from "node:test";
import { traceToSend } from "../../../src/telemetry/trace-bounds.ts";
import { isTraceparent, TRACEPARENT_LENGTH, TraceOfIds } from "../../../src/telemetry/trace-of-ids.ts";
import { traceIds } from "../../../src/telemetry/traceparent.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const SPAN_ID = "b7ad6b7169203331";
const TEXT = `00-${TRACE_ID}-${SPAN_ID}-01`;

test("a trace of ids reads as the map of its one field, however it was made", () => {
  for (const trace of [TraceOfIds.of(TRACE_ID, SPAN_ID, 1), TraceOfIds.fromText(TEXT)]) {
    assert.ok(trace !== undefined);
    assert.deepEqual([trace.traceId, trace.spanId, trace.flags, trace.sampled], [TRACE_ID, SPAN_ID, 1, true]);
    assert.deepEqual(traceIds(trace), { traceId: TRACE_ID, spanId: SPAN_ID, sampled: true });
    assert.equal(traceToSend(trace), trace);
    const map = new Map([["traceparent", TEXT]]);
    assert.deepEqual(new Map(trace), map);
    assert.deepEqual([trace.size, [...trace.keys()], [...trace.values()]], [1, ["traceparent"], [TEXT]]);
    assert.deepEqual([...trace.entries()], [...map]);
    assert.deepEqual(
      [trace.has("traceparent"), trace.has("baggage"), trace.get("baggage")],
      [true, false, undefined],
    );
    const seen: unknown[] = [];
    trace.forEach((value, name, whole) => void seen.push(value, name, whole));
    assert.deepEqual(seen, [TEXT, "traceparent", trace]);
  }
});

test("a trace of ids is written as its text, and recognized by its bytes", () => {
  const bytes = Buffer.alloc(TRACEPARENT_LENGTH + 2);
  for (const flags of [0, 1, 0xa7]) {
    const made = TraceOfIds.of(TRACE_ID, SPAN_ID, flags);
    const text = made?.get("traceparent") ?? "";

    for (const trace of [TraceOfIds.of(TRACE_ID, SPAN_ID, flags), TraceOfIds.fromText(text)]) {
      bytes.fill(0);
      assert.equal(trace?.write(bytes, 1), TRACEPARENT_LENGTH + 1);
      assert.equal(bytes.toString("latin1", 1, TRACEPARENT_LENGTH + 1), text);
      assert.equal(trace?.flags, flags);
    }
    assert.equal(isTraceparent(bytes, 1), true);
  }
});

test("no trace is made of what are no ids", () => {
  for (const [traceId, spanId, flags] of [
    ["0".repeat(32), SPAN_ID, 1],
    [TRACE_ID, "0".repeat(16), 1],
    [TRACE_ID.toUpperCase(), SPAN_ID, 1],
    [TRACE_ID.slice(1), SPAN_ID, 1],
    [TRACE_ID, `${SPAN_ID}0`, 1],
    [TRACE_ID, `${SPAN_ID.slice(1)}Ā`, 1],
    [TRACE_ID, SPAN_ID, 256],
    [TRACE_ID, SPAN_ID, -1],
    [TRACE_ID, SPAN_ID, 0.5],
    [TRACE_ID, SPAN_ID, Number.NaN],
  ] as const) {
    assert.equal(TraceOfIds.of(traceId, spanId, flags), undefined, JSON.stringify([traceId, spanId, flags]));
  }
  for (const text of [
    `01-${TRACE_ID}-${SPAN_ID}-01`,
    `00-${"0".repeat(32)}-${SPAN_ID}-01`,
    `00-${TRACE_ID}-${"0".repeat(16)}-01`,
    `00-${TRACE_ID}-${SPAN_ID}-0g`,
    `00-${TRACE_ID.toUpperCase()}-${SPAN_ID}-01`,
    `00_${TRACE_ID}-${SPAN_ID}-01`,
  ]) {
    assert.equal(isTraceparent(Buffer.from(text), 0), false, text);
  }
});
