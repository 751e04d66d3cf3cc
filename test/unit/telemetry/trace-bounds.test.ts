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

test("32 fields in 8 KiB travel, and no more", () => {
  const name = "baggage";
  const full = MAX_TRACE_BYTES - name.length;

  assert.equal(traceToSend(fields(MAX_TRACE_FIELDS))?.size, MAX_TRACE_FIELDS);
  assert.equal(traceToSend(fields(MAX_TRACE_FIELDS + 1))?.size, MAX_TRACE_FIELDS);
  assert.equal(traceToSend(new Map([[name, "x".repeat(full)]]))?.size, 1);
  assert.equal(traceToSend(new Map([[name, "x".repeat(full + 1)]])), undefined);
  assert.equal(traceToSend(new Map([[name, "é".repeat(full / 2 + 1)]])), undefined);
});

test("baggage for which there is no room leaves its last members behind, and the ids travel", () => {
  const ids = [
    ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
    ["tracestate", "vendor=1"],
  ] as const;
  const member = (at: number): string => `key-${at}=${"é".repeat(1_000)}`;
  const members = Array.from({ length: 5 }, (_, at) => member(at));

  const sent = traceToSend(new Map([["baggage", members.join(",")], ...ids]));

  assert.deepEqual(sent, new Map([...ids, ["baggage", members.slice(0, 4).join(",")]]));
  assert.deepEqual(traceToSend(new Map([["baggage", member(0).repeat(5)], ...ids])), new Map(ids));
});

test("the ids travel whatever else there is", () => {
  const ids = ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] as const;
  const many = [...fields(MAX_TRACE_FIELDS + 8)];

  assert.deepEqual(
    traceToSend(new Map([...many, ids])),
    new Map([ids, ...many.slice(0, MAX_TRACE_FIELDS - 1)]),
  );
  assert.deepEqual(traceToSend(new Map([["x", "x".repeat(MAX_TRACE_BYTES)], ids])), new Map([ids]));
  assert.deepEqual(traceToSend(new Map([["x", "a\r\nb"], ids])), new Map([ids]));
});

test("what is no field of a header stays behind", () => {
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
