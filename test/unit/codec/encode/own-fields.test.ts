/** What was put onto a built-in object is refused, never lost; what has the look of another kind is, too. */
import assert from "node:assert/strict";
import * as os from "node:os";
import { test } from "node:test";
import { inspect } from "node:util";
import { runInNewContext } from "node:vm";
import { encodeValue } from "../../../../src/codec/encode/encoder.ts";
import { NotSerializableError } from "../../../../src/errors/not-serializable-error.ts";
import { assertSame } from "../assert-same.ts";
import { references, roundTrip } from "../support.ts";

function refusal(value: unknown, more: object = {}): NotSerializableError {
  try {
    encodeValue([0, { value }], { root: "args", references, ...more });
  } catch (error) {
    assert.ok(error instanceof NotSerializableError);
    return error;
  }
  return assert.fail("nothing was refused");
}

const BUILT_IN: Readonly<Record<string, () => object>> = {
  Map: () => new Map([["a", 1]]),
  Set: () => new Set([1]),
  Date: () => new Date(5),
  RegExp: () => /a/g,
  URL: () => new URL("a:b"),
  URLSearchParams: () => new URLSearchParams("a=1"),
  ArrayBuffer: () => new ArrayBuffer(8),
  DataView: () => new DataView(new ArrayBuffer(8)),
  "empty Buffer": () => Buffer.alloc(0),
  "small Buffer": () => Buffer.alloc(10),
  Buffer: () => Buffer.alloc(100),
  "large Buffer": () => Buffer.alloc(100_000),
  "Buffer of part of a pool": () => Buffer.from("a text that is long enough, of forty-eight letters"),
  Uint8Array: () => new Uint8Array(33),
  Float64Array: () => new Float64Array(1_000).fill(Number.NaN),
  BigInt64Array: () => new BigInt64Array(40),
  "Int16Array on a shared buffer": () => new Int16Array(new ArrayBuffer(200), 10, 60),
  "boxed number": () => new Object(1) as object,
  "boxed boolean": () => new Object(false) as object,
  "boxed bigint": () => new Object(1n) as object,
  "boxed string": () => new Object("abc") as object,
  "Map of another realm": () => runInNewContext("new Map()") as object,
  "Uint8Array of another realm": () => runInNewContext("new Uint8Array(100)") as object,
};

for (const [name, make] of Object.entries(BUILT_IN)) {
  test(`encodeValue refuses a field of its own on: ${name}`, () => {
    const named = refusal(Object.assign(make(), { note: 1 }));
    const symbolic = refusal(Object.assign(make(), { [Symbol("mark")]: 1 }));

    assert.deepEqual([named.path, symbolic.path], ["args[1].value", "args[1].value"]);
    assert.match(named.message, /a field of its own, 'note', which would be lost; send that beside it/);
    assert.match(symbolic.message, /a field of its own, 'Symbol\(mark\)'/);
    assertSame(roundTrip([make()]), [make()]);
  });
}

test("encodeValue refuses symbols as keys of arrays, at their path", () => {
  for (const length of [0, 2, 1_000]) {
    const array = Object.assign(new Array(length).fill(0), { [Symbol("mark")]: 1, note: 2 });

    assert.equal(refusal(array).path, "args[1].value[Symbol(mark)]");
  }
});

test("encodeValue refuses a field on an AbortSignal", () => {
  const signals = { add: () => 0 };
  const signal = Object.assign(new AbortController().signal, { note: 1 });

  assert.match(refusal(signal, { signals }).message, /a field of its own, 'note'/);
});

test("encodeValue finds fields whatever the defaults of inspect are", () => {
  const { numericSeparator, colors } = inspect.defaultOptions;
  Object.assign(inspect.defaultOptions, { numericSeparator: true, colors: true });
  try {
    const bytes = new Uint8Array(123_456).fill(1);
    assertSame(roundTrip(bytes), bytes);
    assert.match(refusal(Object.assign(bytes, { note: 1 })).message, /'note'/);
  } finally {
    Object.assign(inspect.defaultOptions, { numericSeparator, colors });
  }
  assertSame(roundTrip(new Uint8Array(123_456)), new Uint8Array(123_456));
});

test("encodeValue looks for fields on large binary in a time that does not depend on its size", () => {
  const bytes = new Uint8Array(50_000_000);
  const before = process.cpuUsage();

  for (let run = 0; run < 20; run++) encodeValue([bytes], { root: "args", references });

  // Listing the keys of that many elements takes seconds each time, of the processor and not of a busy machine.
  assert.ok(process.cpuUsage(before).user < 2_000_000);
});

test("encodeValue refuses a buffer that can be resized, and sends views of one", () => {
  const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer;
  const buffer = new Resizable(8, { maxByteLength: 16 });
  const view = new Uint8Array(buffer, 2, 4).fill(7);

  for (const value of [buffer, [buffer], [view, buffer]]) {
    assert.match(refusal(value).message, /can be resized, .*; send buffer\.slice\(\)/);
  }
  const [one, two] = roundTrip([view, new Uint8Array(buffer)]) as Uint8Array[];
  assert.deepEqual([[...(one ?? [])], two?.length, one?.buffer === two?.buffer], [[7, 7, 7, 7], 8, true]);
  assert.deepEqual(roundTrip(buffer.slice(0)), Uint8Array.of(0, 0, 7, 7, 7, 7, 0, 0).buffer);
});

test("encodeValue refuses shared memory, also what can grow", () => {
  const Growable = SharedArrayBuffer as unknown as new (length: number, options: object) => SharedArrayBuffer;

  for (const shared of [new SharedArrayBuffer(8), new Growable(8, { maxByteLength: 16 })]) {
    assert.match(refusal(shared).message, /SharedArrayBuffer.*send a copy/);
    assert.match(refusal(new Int32Array(shared)).message, /SharedArrayBuffer.*send a copy/);
    assert.match(refusal(new DataView(shared)).message, /SharedArrayBuffer/);
  }
});

/** What has the prototype of a plain object, or none, and is none. */
const LOOK_ALIKES: readonly (readonly [string, () => unknown, RegExp])[] = [
  [
    "arguments",
    () =>
      (function collect(..._: unknown[]) {
        // biome-ignore lint/complexity/noArguments: That object is the value.
        return arguments;
      })(1, 2),
    /arguments object.*send \[\.\.\.arguments\]/,
  ],
  [
    "arguments of a sloppy function",
    () => runInNewContext("(function () { return arguments })(1)"),
    /arguments/,
  ],
  ["Math", () => Math, /it is Math,/],
  ["JSON", () => JSON, /it is JSON,/],
  ["Atomics", () => Atomics, /it is Atomics,/],
  ["Reflect", () => Reflect, /it is Reflect,/],
  ["Intl", () => Intl, /it is Intl,/],
  ["WebAssembly", () => (globalThis as Record<string, unknown>).WebAssembly, /it is WebAssembly,/],
  ["Math of another realm", () => runInNewContext("Math"), /it is Math,/],
  ["globalThis", () => globalThis, /it is globalThis,/],
  ["process", () => process, /it is process,/],
  ["process.env", () => process.env, /it is process\.env, .*\{ \.\.\.process\.env \}/],
  ["console", () => console, /it is console,/],
  ["the namespace of a module", () => os, /namespace of a module/],
  [
    "a Date without prototype",
    () => Object.setPrototypeOf(new Date(), null),
    /Date whose prototype was changed/,
  ],
  [
    "a Map without prototype",
    () => Object.setPrototypeOf(new Map(), null),
    /Map whose prototype was changed/,
  ],
  [
    "an array without prototype",
    () => Object.setPrototypeOf([1], null),
    /Array.* whose prototype was changed/,
  ],
  [
    "an array with that of Object",
    () => Object.setPrototypeOf([1], Object.prototype),
    /prototype was changed/,
  ],
  ["a RegExp with that of Object", () => Object.setPrototypeOf(/a/, Object.prototype), /RegExp whose/],
  [
    "a boxed number with that of Object",
    () => Object.setPrototypeOf(new Object(1), Object.prototype),
    /boxed/,
  ],
  ["a number with the prototype of Map", () => Object.setPrototypeOf(new Object(1), Map.prototype), /Map/],
  ["a Map with the prototype of Set", () => Object.setPrototypeOf(new Map(), Set.prototype), /Set/],
  [
    "a Map with the prototype of Object",
    () => Object.setPrototypeOf(new Map([[1, 2]]), Object.prototype),
    /Map whose prototype was changed/,
  ],
  ["the prototype of Map", () => Map.prototype, /the prototype of the class 'Map'.*object made of it/],
  ["the prototype of Date", () => Date.prototype, /the prototype of the class 'Date'/],
  ["the prototype of Object", () => Object.prototype, /the prototype of the class 'Object'/],
  ["the prototype of Set of another realm", () => runInNewContext("Set.prototype"), /the class 'Set'/],
  ["the prototype of a class of one's own", () => class Point {}.prototype, /the class 'Point'/],
  ["the prototype of a class without a name", () => (() => class {})().prototype, /prototype of a class,/],
  ["a boxed symbol", () => new Object(Symbol("s")), /boxed symbol/],
  ["a RegExp with an odd lastIndex", () => Object.assign(/a/, { lastIndex: "1" }), /lastIndex/],
];

for (const [name, make, message] of LOOK_ALIKES) {
  test(`encodeValue refuses, as what it is: ${name}`, () => {
    const error = refusal(make());

    assert.match(error.message, message);
    assert.equal(error.path, "args[1].value");
  });
}

test("encodeValue sends plain objects whatever they are tagged with out of sight", () => {
  const tagged = Object.defineProperty({ a: 1 }, Symbol.toStringTag, { value: "Mine" });

  assert.deepEqual(roundTrip(tagged), { a: 1 });
  assert.equal(refusal({ [Symbol.toStringTag]: "Mine" }).path, "args[1].value[Symbol(Symbol.toStringTag)]");
  assert.deepEqual(roundTrip({ ...process.versions }), { ...process.versions });
  assert.deepEqual(roundTrip({ constructor: "Mine" }), { constructor: "Mine" });
  assert.deepEqual(roundTrip(Object.defineProperty({}, "constructor", { value: Map })), {});
});
