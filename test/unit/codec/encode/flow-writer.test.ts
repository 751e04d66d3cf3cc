/** Iterables, streams and callbacks in payloads: which values are some, and what is written of them. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { callback } from "../../../../src/codec/beside/callback.ts";
import { decodeValue } from "../../../../src/codec/decode/decoder.ts";
import { encodeValue } from "../../../../src/codec/encode/encoder.ts";
import { FlowKind } from "../../../../src/codec/format.ts";
import { NotSerializableError } from "../../../../src/errors/not-serializable-error.ts";
import { PayloadError } from "../../../../src/errors/payload-error.ts";
import { references } from "../support.ts";

/** Encodes with a sink; what that has been given, and the bytes. */
function encodeFlows(value: unknown, answer?: string) {
  const added: { readonly value: object; readonly kind: FlowKind; readonly path: string }[] = [];
  const flows = {
    addFlow(flow: object, kind: FlowKind, path: string) {
      added.push({ value: flow, kind, path });
      return answer ?? added.length - 1;
    },
  };
  const { bytes, start, end, parts } = encodeValue(value, { root: "args", references, flows });
  return { added, payload: { bytes: bytes.slice(start, end), start: 0, end: end - start, parts } };
}

async function* items(): AsyncGenerator<number> {
  yield 1;
}

test("async iterables, streams and callbacks are written as kind and number, once each", () => {
  const generator = items();
  const plain = { [Symbol.asyncIterator]: () => generator };
  const flows = [
    generator,
    plain,
    Readable.from([1]),
    new ReadableStream(),
    new WritableStream(),
    callback(() => {}),
  ];

  const { added, payload } = encodeFlows([...flows, generator]);

  assert.deepEqual(
    added.map(({ kind }) => kind),
    [
      FlowKind.ITERABLE,
      FlowKind.ITERABLE,
      FlowKind.ITERABLE,
      FlowKind.READABLE,
      FlowKind.WRITABLE,
      FlowKind.CALLBACK,
    ],
  );
  assert.deepEqual(
    added.map(({ value }) => value),
    flows,
  );
  assert.equal(added[3]?.path, "args[3]");
  const asked: unknown[] = [];
  const source = {
    flowOf(kind: number, index: number) {
      asked.push([kind, index]);
      return { index };
    },
  };
  const read = decodeValue(payload, { references, flows: source, source: { local: true } }) as unknown[];
  assert.deepEqual(asked, [
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 3],
    [2, 4],
    [3, 5],
  ]);
  assert.equal(read[6], read[0]);
});

test("a flow has these bytes", () => {
  const { payload } = encodeFlows(callback(() => {}));

  assert.equal(Buffer.from(payload.bytes).toString("hex"), "08c9000000021d0300");
});

test("without a sink they are refused with their path, and so is what the sink does not take", () => {
  for (const flow of [items(), new ReadableStream(), callback(() => {})]) {
    assert.throws(
      () => encodeValue({ deep: [flow] }, { root: "result", references }),
      (error) => error instanceof NotSerializableError && error.path === "result.deep[0]",
    );
  }
  assert.throws(
    () => encodeFlows([items()], "there are too many"),
    (error) => error instanceof NotSerializableError && error.path === "args[0]",
  );
});

test("without a source they are refused, and what the source does not give", () => {
  const { payload } = encodeFlows([items()]);
  const source = { local: true };

  assert.throws(() => decodeValue(payload, { references, source }), PayloadError);
  assert.throws(
    () => decodeValue(payload, { references, source, flows: { flowOf: () => "there is none" } }),
    PayloadError,
  );
});
