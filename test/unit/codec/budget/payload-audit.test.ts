/** Values cost to read what their bytes pay for: honest ones pass on both sides, and dear ones are refused by both. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertAffordable } from "../../../../src/codec/budget/assert-affordable.ts";
import { hash64, hashInt32, hashNumber } from "../../../../src/codec/budget/key-chains.ts";
import { hashOfKey } from "../../../../src/codec/budget/key-hash.ts";
import { auditPayload } from "../../../../src/codec/budget/payload-audit.ts";
import { EXTENSION_PRICES } from "../../../../src/codec/budget/prices.ts";
import { decodeValue } from "../../../../src/codec/decode/decoder.ts";
import { encodeValue } from "../../../../src/codec/encode/encoder.ts";
import { Extension } from "../../../../src/codec/format.ts";
import { NotSerializableError } from "../../../../src/errors/not-serializable-error.ts";
import { PayloadError } from "../../../../src/errors/payload-error.ts";
import { honestValues } from "../../../support/hostile/honest-values.ts";
import { references } from "../support.ts";

/** So many that what every payload is allowed beyond its length is little beside it: prices that are too high show. */
const COUNT = 40_000;
const FEW = 1_000;
const range = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Of 4 to 13 letters, 8.5 on average, as the different words of English texts are. */
function word(index: number): string {
  const letters = [4, 6, 7, 8, 8, 9, 9, 10, 11, 13][index % 10] as number;
  return index.toString(26).padStart(letters, "qwertzuiopasdf");
}

function ownHonestValues(count: number): Readonly<Record<string, () => unknown>> {
  return {
    "an object keyed by ids": () => Object.fromEntries(range(count, (index) => [`id${index}`, index])),
    "counts of words": () => Object.fromEntries(range(count, (index) => [word(index), index % 100])),
    "objects with the same long keys": () =>
      range(20, () => Object.fromEntries(range(5_000, (index) => [`column ${index}`, index % 100]))),
    "an object keyed by times": () =>
      Object.fromEntries(range(count, (index) => [String(1_700_000_000_000 + index), index / 7])),
    "an object keyed by numbers": () =>
      Object.fromEntries(range(count, (index) => [String(index * 37), { index }])),
    "an object keyed by UUIDs": () =>
      Object.fromEntries(
        range(count / 10, (index) => [`123e4567-e89b-12d3-a456-${index + 10 ** 11}`, index]),
      ),
    "small objects": () => range(count, () => ({ a: 1 })),
    "objects with optional fields": () =>
      range(count, (index) => ({
        id: index,
        name: `name ${index}`,
        ...(index % 2 === 0 && { a: 1 }),
        ...(index % 3 === 0 && { b: 1 }),
        ...(index % 5 === 0 && { c: 1 }),
      })),
    rows: () => range(count, (index) => [index, index / 2, "x"]),
    "lists of neighbours": () => range(count, (index) => (index % 2 === 0 ? [] : [index, index + 1])),
    "arrays of one": () => range(count, (index) => [index]),
    "a tree of arrays": () => {
      let tree: unknown = 1;
      for (let level = 0; level < 14; level++) tree = [tree, structuredClone(tree)];
      return tree;
    },
    "a Map of numbers": () => new Map(range(count, (index) => [index, index])),
    "a Map of texts": () => new Map(range(count, (index) => [`key ${index}`, index])),
    "a Set of bigints": () => new Set(range(count, (index) => BigInt(index) * 1_000_003n)),
    "a Set of wide bigints": () => new Set(range(count / 10, (index) => BigInt(index + 1) ** 20n)),
    "a Set of fractions": () => new Set(range(count, (index) => index / 7)),
    "a Set of numbers as texts": () => new Set(range(count, (index) => String(index))),
    "Maps of one entry": () => range(count / 10, (index) => new Map([["a", index]])),
    dates: () => range(count, (index) => new Date(index)),
    hashes: () => range(count / 10, (index) => new Uint8Array(32).fill(index)),
    vectors: () => range(count / 10, (index) => Float64Array.of(index, 1, 2)),
    "settled results": () =>
      range(count / 100, (index) => ({ status: "rejected", reason: new Error(`failure ${index}`) })),
  };
}

/** The number that `hashInt32` gives this hash: the function can be undone. */
function int32OfHash(count: number, slots: number): number[] {
  const found: number[] = [];
  for (let value = 0; found.length < count; value++) if (hashInt32(value) % slots === 0) found.push(value);
  return found;
}

/** Keys that meet: enough to be refused, and few enough for the engine, which takes the square of that. */
const COLLISIONS = 2_500;

const COLLIDING: Record<string, () => unknown> = {
  "bigints that differ above 64 bits": () =>
    new Set(range(COLLISIONS, (index) => (BigInt(index + 1) << 64n) | 7n)),
  "a Map of such bigints": () =>
    new Map(range(COLLISIONS, (index) => [(BigInt(index + 1) << 128n) | 7n, index])),
  "whole numbers": () => new Set(int32OfHash(COLLISIONS, 4096)),
  "texts of array indexes": () => new Set(range(COLLISIONS, (index) => String((index + 1) * 16_384))),
};

function encoded(value: unknown): {
  bytes: Uint8Array;
  start: number;
  end: number;
  parts: readonly Uint8Array[];
} {
  return { ...encodeValue(value, { root: "args", references }) };
}

const MANY = { ...ownHonestValues(COUNT), ...honestValues(100_000) };
const SOME = { ...ownHonestValues(FEW), ...honestValues(FEW) };

for (const [name, make] of Object.entries(MANY)) {
  test(`auditPayload lets ${name} pass on both sides`, () => {
    const payload = encoded(make());

    assertAffordable(payload, { root: "args" });

    assert.equal(auditPayload(payload, "receiver"), undefined);
    assert.ok(payload.end - payload.start > 4096);
  });
}

for (const [name, make] of Object.entries(SOME)) {
  test(`decodeValue takes ${name}, which arrive as they were`, () => {
    const value = make();

    const arrived = decodeValue(encoded(value), { references });

    if (name !== "settled results") assert.deepEqual(arrived, value);
  });
}

for (const [name, make] of Object.entries(COLLIDING)) {
  test(`auditPayload refuses ${name} that meet in one place of the hash table`, () => {
    const payload = encoded([{ keys: make() }]);

    assert.throws(() => assertAffordable(payload, { root: "args" }), {
      name: "NotSerializableError",
      path: "args[0].keys",
      message: /collide/,
    });
    assert.throws(() => decodeValue(payload, { references }), PayloadError);
  });
}

/** A routine, as a peer can name any number of them. */
function named(index: number, tainted: boolean): object {
  return Object.assign(() => index, { routineId: `a#${index}`, tainted });
}

test("every extension that a value can begin with has a price, so that none ends the audit", () => {
  const unpriced = Object.entries(Extension).filter(([, type]) => EXTENSION_PRICES[type] === undefined);

  assert.deepEqual(unpriced, [["HOLES", Extension.HOLES]]); // it stands for elements of an array
});

const DEAR: readonly (readonly [name: string, path: RegExp, make: () => unknown])[] = [
  ["empty objects", /^args\[0\]\[\d+\]$/, () => range(COUNT, () => ({}))],
  ["objects without prototype", /^args\[0\]\[\d+\]$/, () => range(COUNT, () => Object.create(null))],
  ["boxed numbers", /^args\[0\]\[\d+\]$/, () => range(COUNT, () => new Object(1))],
  [
    "objects that each have a key of their own",
    /^args\[0\]\[\d+\](\.k\w+)?$/,
    () => range(COUNT / 10, (index) => ({ [`k${index.toString(36)}`]: 1 })),
  ],
  [
    "DOMExceptions without a stack",
    /^args\[0\]\[\d+\]/,
    () => range(COUNT / 10, () => Object.assign(new DOMException("m", "AbortError"), { stack: "" })),
  ],
  [
    "an object with short keys",
    /^args\[0\](\.\w+|\[".*"\])$/,
    () => Object.fromEntries(range(COUNT, (index) => [`k${index.toString(36)}`, 1])),
  ],
  [
    "objects with the same short keys, and many of them",
    /^args\[0\]\[\d+\](\.\w+|\[".*"\])$/,
    () => range(50, () => Object.fromEntries(range(2_000, (index) => [`k${index.toString(36)}`, 1]))),
  ],
  [
    "objects that turn by turn have one of many shapes",
    /^args\[0\]\[\d+\](\.\w+|\[".*"\])?$/,
    () => range(COUNT, (index) => ({ [`k${(index % 5_000).toString(36)}`]: 1 })),
  ],
  [
    "fields that have to be defined",
    /^args\[0\]\[\d+\](\.\w+)?$/,
    () => range(COUNT, () => JSON.parse('{"__proto__":1}') as unknown),
  ],
  ["a Set of empty objects", /^args\[0\]\.values\(\)\[\d+\]$/, () => new Set(range(COUNT, () => ({})))],
  ["routines", /^args\[0\]\[\d+\]$/, () => range(COUNT / 10, (index) => named(index, false))],
  ["tainted routines", /^args\[0\]\[\d+\]$/, () => range(COUNT / 10, (index) => named(index, true))],
  ["expressions", /^args\[0\]\[\d+\]$/, () => range(COUNT / 10, () => /a/)],
  [
    "empty objects under a key of a Map",
    /^args\[0\]\.get\("a b"\)\["c d"\]\[\d+\]$/,
    () => new Map([["a b", { "c d": range(COUNT, () => ({})) }]]),
  ],
];

for (const [name, path, make] of DEAR) {
  test(`assertAffordable refuses ${name}, with the path, what they cost and what is allowed`, () => {
    const payload = encoded([make()]);
    const error = refusalOf(() => assertAffordable(payload, { root: "args" }));

    assert.match(error.path, path);
    const [, cost, size, allowed] =
      /count for (\d+) bytes, where its (\d+) bytes allow (\d+)/.exec(error.message) ?? [];
    assert.equal(Number(size), payload.end - payload.start);
    assert.ok(Number(cost) > Number(allowed) && Number(allowed) === Number(size) + 65_536);
    assert.throws(() => decodeValue(payload, { references }), {
      code: "ERR_MERINO_BAD_PAYLOAD",
      malformed: false,
    });
    assert.doesNotThrow(() => decodeValue(payload, { references, source: { local: true } }));
  });
}

function refusalOf(run: () => void): NotSerializableError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof NotSerializableError);
    return error;
  }
  return assert.fail("it was not refused");
}

test("assertAffordable calls the receiver of a method by its name, and counts the arguments after it", () => {
  const dear = range(COUNT, () => ({}));

  assert.match(
    refusalOf(() => assertAffordable(encoded([dear]), { root: "args", receiver: true })).path,
    /^this\[/,
  );
  const second = encoded([1, dear]);
  assert.match(
    refusalOf(() => assertAffordable(second, { root: "args", receiver: true })).path,
    /^args\[0\]\[/,
  );
});

test("auditPayload refuses keys that collide also where the Map cannot be read to its end", () => {
  const { bytes, start, end } = encoded(new Set(int32OfHash(COLLISIONS, 4096)));
  const broken = Buffer.from(bytes.slice(start, end));
  broken[broken.length - 5] = 0xc1;

  assert.equal(auditPayload({ bytes: broken, start: 0, end: broken.length }, "receiver")?.colliding, true);
});

test("auditPayload allows no payload more than its highest cost, however long it is", () => {
  const bytes = Buffer.alloc(40_000_000, 0x90);
  bytes.writeUInt8(0x08, 0);
  bytes.writeUInt8(0xdd, 1);
  bytes.writeUInt32BE(bytes.length - 6, 2);
  bytes.fill(0x80, 6);

  const excess = auditPayload({ bytes, start: 0, end: bytes.length }, "sender");

  assert.equal(excess?.allowed, 33_554_432);
});

test("auditPayload looks at no more levels than the format has", () => {
  const bytes = Buffer.alloc(5_000_000, 0x91);
  bytes.writeUInt8(0x08, 0);

  assert.equal(auditPayload({ bytes, start: 0, end: bytes.length }, "receiver"), undefined);
  assert.throws(
    () => decodeValue({ bytes, start: 0, end: bytes.length, parts: [] }, { references }),
    PayloadError,
  );
});

test("hashNumber gives whole numbers of 32 bits the hash of these", () => {
  assert.equal(hashNumber(5), hashInt32(5));
  assert.equal(hashNumber(-0), hashInt32(0));
  assert.notEqual(hashNumber(2 ** 31), hashInt32(2 ** 31));
  assert.notEqual(hash64(0, 5), hash64(5, 0));
});

/** As the engine has it. */
function hashOfBits(bits: bigint): number {
  let value = BigInt.asUintN(64, ~bits + (bits << 18n));
  value ^= value >> 31n;
  value = BigInt.asUintN(64, value * 21n);
  value ^= value >> 11n;
  value = BigInt.asUintN(64, value + (value << 6n));
  value ^= value >> 22n;
  return Number(value & 0x3fff_ffffn);
}

test("hash64 hashes 64 bits as the engine does, by halves", () => {
  const bounds = [0, 1, 0x3fff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];
  const random = range(20_000, () => Math.floor(Math.random() * 2 ** 32));
  const halves = [...bounds.flatMap((high) => bounds.map((low) => [high, low] as const))];
  for (let index = 1; index < random.length; index++)
    halves.push([random[index - 1] as number, random[index] as number]);

  for (const [high, low] of halves) {
    const expected = hashOfBits((BigInt(high) << 32n) | BigInt(low));
    assert.equal(hash64(high, low), expected, `${high} ${low}`);
    assert.equal(hash64(high | 0, low | 0), expected, `${high} ${low}`);
  }
});

test("hashOfKey gives a bigint and its negative the hash of their magnitude", () => {
  for (const value of [1n, 0x1_0000_0000n, 0x7fff_ffff_ffff_ffffn, 0xffff_ffffn, 0x8000_0000_0000_0000n]) {
    const view = new DataView(new ArrayBuffer(9));
    view.setUint8(0, 0xd3);
    view.setBigInt64(1, -value);
    assert.equal(hashOfKey(view, 0, 9), hashOfBits(value));
    if (value > 0x7fff_ffff_ffff_ffffn) continue;
    view.setBigInt64(1, value);
    assert.equal(hashOfKey(view, 0, 9), hashOfBits(value));
  }
});
