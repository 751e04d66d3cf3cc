/** The decoder against bytes that nobody honest would send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeValue } from "../../../../src/codec/decode/decoder.ts";
import { encodeValue } from "../../../../src/codec/encode/encoder.ts";
import { PayloadError } from "../../../../src/errors/payload-error.ts";
import { AWKWARD_VALUES } from "../awkward-values.ts";
import { fromHex, receive, references, send } from "../support.ts";

const HOSTILE: Readonly<Record<string, string>> = {
  "nothing at all": "",
  "a header only": "08",
  "another version": "10 c0",
  "an unknown flag": "0a c0",
  "something after the end": "08 c0 c0",
  "the token that MessagePack never uses": "08 c1",
  "a string that ends too early": "08 a5 61",
  "a string of 4 GiB": "08 db ff ff ff ff 61",
  "a binary of 4 GiB": "08 c6 ff ff ff ff 61",
  "an array of 4 G elements": "08 dd ff ff ff ff 01 02",
  "an object of 4 G fields": "08 df ff ff ff ff a1 61 01",
  "an object of 65 535 fields": "08 de ff ff a1 61 01",
  "an extension of 4 GiB": "08 c9 ff ff ff ff 06",
  "an extension longer than its content": "08 c7 03 07 01 02",
  "an extension shorter than its content": "08 c7 01 06 01 02",
  "an unknown extension": "08 d4 60 00",
  "MessagePack's own timestamp": "08 d6 ff 00 00 00 00",
  "an unknown simple value": "08 d4 00 07",
  "a key that is no string": "08 81 01 02",
  "a string that is not UTF-8": "08 a2 c3 28",
  "an overlong UTF-8 form": "08 a2 c0 80",
  "a surrogate in UTF-8": "08 a3 ed a0 80",
  "a long string that is not UTF-8": `08 d9 28 ${"61 ".repeat(39)}ff`,
  "a key that is not UTF-8": "08 81 a1 ff 01",
  "a short text in Latin-1": `08 c7 3f 1a ${"61 ".repeat(63)}`,
  "a short text in UTF-16 without unpaired surrogates": `08 c7 7e 02 ${"61 00 ".repeat(63)}`,
  "an index in UTF-16": "08 81 c7 02 02 31 00 01",
  "a key in Latin-1": `08 81 c7 40 1a ${"61 ".repeat(64)} 01`,
  "half a UTF-16 unit": "08 c7 03 02 61 00 61",
  "a bigint without digits": "08 c7 01 03 00",
  "a bigint with an odd sign": "08 c7 02 03 02 01",
  "a Date of four bytes": "08 d6 04 00 00 00 00",
  "a RegExp that does not parse": "08 c7 04 05 a1 28 a0 00",
  "a RegExp with odd flags": "08 c7 05 05 a1 61 a1 71 00",
  "a URL that does not parse": "08 c7 02 10 a1 61",
  "a Map with half an entry": "08 c7 02 06 a1 61",
  "more holes than elements": "08 92 01 d4 08 05",
  "no holes": "08 92 d4 08 00 01 02",
  "holes outside an array": "08 d4 08 01",
  "a reference without the flag": "08 92 80 d4 01 00",
  "a reference to nothing": "09 92 80 d4 01 07",
  "a reference of three bytes": "09 92 80 c7 03 01 00 00 00",
  "a reference to an unfinished object": "09 c7 04 0f d4 01 00",
  "an array with a second length": "08 c7 09 09 90 a6 6c 65 6e 67 74 68 05",
  "a boxed object": "08 c7 01 0f 80",
  "a boxed null": "08 c7 01 0f c0",
  "a part that did not come": "08 d4 0d 00",
  "a view of an unknown kind": "08 c7 02 0c 63 00",
  "a view that ends within an element": "08 c7 04 0c 04 00 00 00",
  "a view larger than its buffer": "08 c7 08 0e 02 00 09 c7 02 0b 00 00",
  "a view with a negative offset": "08 c7 08 0e 02 ff 02 c7 02 0b 00 00",
  "a view that is not aligned": "08 c7 0a 0e 04 01 02 c7 04 0b 00 00 00 00",
  "a view on no buffer": "08 c7 04 0e 02 00 00 80",
  "an error of no origin": "08 c7 07 12 09 a0 c0 c0 c0 80 80",
  "an error whose message is a number": "08 c7 07 12 00 a0 c0 01 c0 80 80",
  "an error whose fields are an array": "08 c7 07 12 00 a0 c0 c0 c0 90 80",
  "an unknown class": "08 c7 06 13 a4 78 79 7a 77 80",
  "a class reference to nothing": "08 c7 02 13 05 80",
  "a class itself that is unknown": "08 c7 02 14 a1 78",
  "a routine of an odd form": "08 c7 04 15 a1 61 c0 05",
  "a signal where none may be": "08 d4 16 00",
};

for (const [name, hex] of Object.entries(HOSTILE)) {
  test(`decodeValue refuses ${name}`, () => {
    assert.throws(() => receive(fromHex(hex)), { code: "ERR_MERINO_BAD_PAYLOAD" });
  });
}

test("decodeValue refuses every truncation of every value of the table", () => {
  for (const { make, refusedAt } of AWKWARD_VALUES) {
    if (refusedAt !== undefined) continue;
    const { bytes, parts } = send(make());
    const step = Math.max(1, Math.floor(bytes.length / (bytes.length > 5_000 ? 7 : 50)));
    for (let length = 0; length < bytes.length; length += step) {
      assert.throws(() => receive({ bytes: bytes.subarray(0, length), parts }), PayloadError);
    }
  }
});

test("decodeValue refuses nesting beyond its bound, whatever nests", () => {
  const levels = 200_000;
  const nestings: Readonly<Record<string, string>> = {
    arrays: "91",
    objects: "81a161",
    Maps: "c9000000ff06",
    boxes: "c9000000ff0f",
    views: "c9000000ff0e020000",
    errors: "c9000000ff1200a0c0c0c081a161",
    "arrays with fields": "c9000000ff0991",
  };

  for (const nesting of Object.values(nestings)) {
    const filler = "00".repeat(300);
    const bytes = Buffer.from(`08${nesting.repeat(levels)}${filler}`, "hex");

    assert.throws(() => receive({ bytes, parts: [] }), { code: "ERR_MERINO_BAD_PAYLOAD" });
  }
});

test("decodeValue accepts no more depth than it is told", () => {
  const { bytes } = send([[[1]]]);

  assert.throws(
    () => decodeValue({ bytes, start: 0, end: bytes.length, parts: [] }, { references, maxDepth: 2 }),
    PayloadError,
  );
  assert.deepEqual(
    decodeValue({ bytes, start: 0, end: bytes.length, parts: [] }, { references, maxDepth: 3 }),
    [[[1]]],
  );
});

test("decodeValue never quotes what it read", () => {
  const payloads = [
    "08 c7 08 05 a5 28 73 65 63 72 a0 00",
    "08 c7 07 10 a6 73 65 63 72 65 74",
    "08 c7 08 13 a6 73 65 63 72 65 74 80",
  ];

  for (const hex of payloads) {
    assert.throws(
      () => receive(fromHex(hex)),
      (error: PayloadError) => !`${error.stack}${String(error.cause)}`.includes("secr"),
    );
  }
});

test("decodeValue spends memory only on bytes that are there", () => {
  const bombs = [
    `08 dd 00 10 00 00 ${"d6 08 00 00 00 20".repeat(100)}`,
    "08 91 dd ff ff ff ff d6 08 ff ff ff ff",
  ];
  const before = process.memoryUsage().rss;

  for (const bomb of bombs) {
    for (let round = 0; round < 100; round++) {
      try {
        receive(fromHex(bomb));
      } catch (error) {
        assert.ok(error instanceof PayloadError);
      }
    }
  }

  assert.ok(process.memoryUsage().rss - before < 50_000_000);
});

test("decodeValue leaves prototypes alone and defines what it finds", () => {
  const text = '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}, "toString": 5}';

  const arrived = receive(send(JSON.parse(text))) as Record<string, unknown>;

  assert.deepEqual(Object.keys(arrived), ["__proto__", "constructor", "toString"]);
  assert.equal(Object.getPrototypeOf(arrived), Object.prototype);
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});

test("decodeValue copies small binary out of the message", () => {
  const { bytes } = send([new Uint8Array([1, 2]), Buffer.from([3]), new ArrayBuffer(4)]);

  const [first, second, third] = decodeValue(
    { bytes, start: 0, end: bytes.length, parts: [] },
    { references },
  ) as [Uint8Array, Buffer, ArrayBuffer];
  bytes.fill(0xff);

  assert.deepEqual([first[0], second[0], new Uint8Array(third)[0]], [1, 3, 0]);
  assert.equal(first.buffer.byteLength, 2);
});

test("decodeValue makes the memory of a part the value's own", () => {
  const { bytes, parts } = send([new Float64Array(10_000), Buffer.alloc(70_000), new ArrayBuffer(70_000)]);

  const [first, second, third] = decodeValue(
    { bytes, start: 0, end: bytes.length, parts },
    { references },
  ) as [Float64Array, Buffer, ArrayBuffer];

  assert.deepEqual(
    [first.buffer, second.buffer, third],
    parts.map((part) => part.buffer),
  );
});

test("decodeValue accepts parts that are pieces of something larger, at any offset", () => {
  const { bytes, parts } = send([new Float64Array(10_000).fill(0.5), new Uint8Array(70_000).fill(3).buffer]);
  const pieces = parts.map((part) => {
    const larger = new Uint8Array(part.length + 11);
    larger.set(part, 3);
    return larger.subarray(3, 3 + part.length);
  });

  const [first, second] = decodeValue(
    { bytes, start: 0, end: bytes.length, parts: pieces },
    { references },
  ) as [Float64Array, ArrayBuffer];

  assert.deepEqual([first[9_999], second.byteLength, new Uint8Array(second)[0]], [0.5, 70_000, 3]);
});

test("decodeValue refuses a part that is used twice", () => {
  const parts = [new Uint8Array(4)];

  assert.throws(() => receive({ ...fromHex("08 92 d4 0d 00 d4 0d 00"), parts }), PayloadError);
  assert.throws(() => receive({ ...fromHex("08 92 d4 0d 00 c7 05 17 02 00 00 00 00"), parts }), PayloadError);
});

test("decodeValue reads a plain Uint8Array as it reads a Buffer, and ranges that do not exist not at all", () => {
  const { bytes } = send({ a: ["é", 1.5, 10n ** 30n] });
  const plain = new Uint8Array(bytes);

  assert.deepEqual(decodeValue({ bytes: plain, start: 0, end: plain.length, parts: [] }, { references }), {
    a: ["é", 1.5, 10n ** 30n],
  });
  for (const [start, end] of [
    [0, plain.length + 1],
    [2, 1],
    [-1, 1],
    [Number.NaN, 1],
  ] as const) {
    assert.throws(() => decodeValue({ bytes: plain, start, end, parts: [] }, { references }), PayloadError);
  }
});

test("decodeValue reports what a class's [decode] throws as the cause", () => {
  const cause = new Error("no such currency");
  class Coin {}
  const coin = {
    id: "t#Coin",
    constructor: Coin,
    encode: undefined,
    decode: () => {
      throw cause;
    },
  };

  const { bytes } = fromHex("08 c7 08 13 a6 74 23 43 6f 69 6e 05");

  assert.throws(
    () =>
      decodeValue(
        { bytes, start: 0, end: bytes.length, parts: [] },
        { references: { ...references, portableById: () => coin } },
      ),
    (error: PayloadError) => error.code === "ERR_MERINO_BAD_PAYLOAD" && error.cause === cause,
  );
});

test("decodeValue works on after a failure as before", () => {
  assert.throws(() => receive(fromHex("09 92 80 d4 01 07")), PayloadError);

  assert.deepEqual(receive(send([{ a: 1 }])), [{ a: 1 }]);
});

test("decodeValue says of a class that it does not know what a short name may come from", () => {
  for (const [id, hint] of [
    ["app/jobs.js#t", true],
    ["app/jobs.js#Point", false],
    ["<odd> #t", false],
  ] as const) {
    const name = Buffer.from(id);
    const payload = Buffer.concat([
      Buffer.from([0x08, 0xc9, 0, 0, 0, name.length + 2, 0x13]),
      Buffer.from([0xa0 | name.length]),
      name,
      Buffer.from([0x80]),
    ]);

    assert.throws(
      () => receive({ bytes: payload, parts: [] }),
      (error: Error) => /\(esbuild: keepNames\), or pass \{ name \}/.test(error.message) === hint,
    );
  }
});

test("an array of many gaps is read in time in proportion to its length, whatever else the payload has", {
  timeout: 30_000,
}, () => {
  // Long enough a text pays for everything else; with a square of the gaps it would be a minute.
  const GAPS = 60_000;
  const gap = Buffer.from("d40828c0", "hex"); // 40 holes, then null
  const text = Buffer.alloc(8_000_005, "a");
  text[0] = 0xdb;
  text.writeUInt32BE(8_000_000, 1);
  const head = Buffer.from([0xdd, 0, 0, 0, 0]);
  head.writeUInt32BE(41 * GAPS, 1);
  const bytes = Buffer.concat([
    Buffer.from("0892", "hex"),
    text,
    head,
    ...Array.from({ length: GAPS }, () => gap),
  ]);

  const [, array] = decodeValue({ bytes, start: 0, end: bytes.length, parts: [] }, { references }) as [
    string,
    readonly unknown[],
  ];

  assert.equal(array.length, 41 * GAPS);
  assert.equal(array[40], null);
  assert.equal(41 in array, false);
  assert.equal(Object.keys(array).length, GAPS);
});

for (const length of [70_000, 1_100_000]) {
  for (const letter of ["t", "\u00e9", "\u6587"]) {
    test(`decodeValue makes values of shared memory that keep nothing of it: ${length} times ${letter}`, () => {
      const value = { text: letter.repeat(length), bytes: new Uint8Array(5_000).fill(3), short: letter };
      const { bytes, start, end } = encodeValue(value, { root: "result", references, textUnits: true });
      const shared = Buffer.from(new SharedArrayBuffer(end - start));
      shared.set(bytes.subarray(start, end));
      const encoded = { bytes: shared, start: 0, end: shared.length, parts: [] };

      const decoded = decodeValue(encoded, { references, source: { local: true } });
      shared.fill(0x7a);

      assert.deepEqual(decoded, value);
      assert.ok((decoded as typeof value).bytes.buffer instanceof ArrayBuffer);
    });
  }
}
