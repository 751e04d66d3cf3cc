/** Values of the platform that have a quick way: it must give what the usual one does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Extension } from "../../../../src/codec/format.ts";
import { extension, textToken } from "../../../fuzz/targets/value-tokens.ts";
import { receive, roundTrip } from "../support.ts";

test("short views have memory of their own, of their own size", () => {
  const views = [
    Float64Array.of(0.1, Number.NaN),
    Float32Array.of(0.5),
    BigInt64Array.of(-1n, 2n),
    Uint16Array.of(1, 2, 3),
    new Uint8ClampedArray([1, 255]),
    new Int8Array(),
    Buffer.from("short"),
    new DataView(Uint8Array.of(1, 2, 3).buffer),
    new Float64Array(9).fill(7),
  ];
  for (const view of views) {
    const [first, second] = roundTrip([
      view,
      view.constructor === Buffer ? Buffer.from(view as Buffer) : view,
    ]) as [ArrayBufferView, ArrayBufferView];

    assert.deepEqual(first, view);
    assert.equal(first.constructor, view.constructor);
    assert.equal(first.byteOffset, 0);
    assert.equal(first.buffer.byteLength, view.byteLength);
    if (second !== first) assert.notEqual(first.buffer, second.buffer);
  }
});

test("the bits of numbers that are none arrive", () => {
  const bits = Uint8Array.of(1, 2, 3, 4, 5, 6, 0xf7, 0x7f);

  const arrived = roundTrip(new Float64Array(bits.slice().buffer)) as Float64Array;

  assert.deepEqual(new Uint8Array(arrived.buffer), bits);
});

test("bigints of any size and sign arrive", () => {
  for (const bits of [64n, 65n, 100n, 1_000n]) {
    for (const value of [2n ** bits, -(2n ** bits) - 1n]) assert.equal(roundTrip(value), value);
  }
  const short = extension(Extension.BIGINT, Buffer.of(1, 0x01, 0x00, 0xff));
  assert.equal(receive({ bytes: Buffer.concat([Buffer.of(0x08), short]), parts: [] }), -65_791n);
});

test("queries arrive as they were", () => {
  const query = new URLSearchParams([
    ["a b", "c+d"],
    ["%", "é&=\ufffd"],
    ["", ""],
  ]);

  assert.deepEqual([...(roundTrip(query) as URLSearchParams)], [...query]);
});

test("queries and URLs that the platform would not have written are refused", () => {
  for (const [type, text] of [
    [Extension.URL_SEARCH_PARAMS, "a=%ff"],
    [Extension.URL_SEARCH_PARAMS, "a=%zz"],
    [Extension.URL_SEARCH_PARAMS, "%"],
    [Extension.URL, "http://é.é/"],
  ] as const) {
    const bytes = Buffer.concat([Buffer.of(0x08), extension(type, textToken(text))]);

    assert.throws(() => receive({ bytes, parts: [] }), { code: "ERR_MERINO_BAD_PAYLOAD" });
  }
});

test("errors of classes of the language are made by these, and have their own fields alone", () => {
  for (const error of [new TypeError("m"), new RangeError("r"), new AggregateError([new Error("a")], "b")]) {
    const arrived = roundTrip(error) as Error;

    assert.equal(arrived.constructor, error.constructor);
    assert.deepEqual(Reflect.ownKeys(arrived).sort(), Reflect.ownKeys(error).sort());
    assert.equal(arrived.stack, error.stack);
    assert.deepEqual(Object.keys(arrived), []);
  }
});
