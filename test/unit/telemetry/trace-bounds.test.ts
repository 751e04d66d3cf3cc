import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_TRACE_BYTES, MAX_TRACE_FIELDS, traceToSend } from "../../../src/telemetry/trace-bounds.ts";

const fields = (count: number, value = "x") =>
  new Map(Array.from({ length: count }, (_, at): [string, string] => [`field-${at}`, value]));

test("a trace context travels as a copy, with its names in lower case", () => {
  const trace = new Map([["Traceparent", "00-aa"]]);

  const sent = traceToSend(trace);
  trace.set("later", "x");

  assert.deepEqual(sent, new Map([["traceparent", "00-aa"]]));
});

test("one of 32 fields in 8 KiB travels, and no larger one", () => {
  const name = "baggage";
  const full = MAX_TRACE_BYTES - name.length;

  assert.equal(traceToSend(fields(MAX_TRACE_FIELDS))?.size, MAX_TRACE_FIELDS);
  assert.equal(traceToSend(fields(MAX_TRACE_FIELDS + 1)), undefined);
  assert.equal(traceToSend(new Map([[name, "x".repeat(full)]]))?.size, 1);
  assert.equal(traceToSend(new Map([[name, "x".repeat(full + 1)]])), undefined);
  assert.equal(traceToSend(new Map([[name, "é".repeat(full / 2 + 1)]])), undefined);
});

test("one with what is no field of a header stays behind", () => {
  for (const [name, value] of [
    ["", "x"],
    ["a b", "x"],
    ["a\n", "x"],
    ["é", "x"],
    ["a", "x\r\ny"],
    ["a", "\u001b[2J"],
    ["a", "\ud800"],
  ] as const) {
    assert.equal(traceToSend(new Map([[name, value]])), undefined, JSON.stringify([name, value]));
  }
  assert.equal(traceToSend(new Map()), undefined);
  assert.equal(traceToSend(undefined), undefined);
});
