/** The shapes of payloads that are the dearest of their kind: each was found by trying several hundred. */
import { shortAscii, shortUtf8 } from "../../src/codec/decode/short-text.ts";
import { Extension } from "../../src/codec/format.ts";
import {
  arrayHead,
  extension,
  float64,
  head,
  mapHead,
  textToken,
  uint,
} from "../../test/fuzz/targets/value-tokens.ts";
import type { Shape } from "./dear-payload.ts";

const NIL = Buffer.of(0xc0);
const EMPTY = textToken("");
const A = textToken("a");
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&()*+,-./:;<=>?@[]^_`{|}~";

const join = (...pieces: readonly Buffer[]): Buffer => Buffer.concat(pieces);

/** A text of so many characters that no other index has. */
function word(index: number, length: number): string {
  let text = "";
  for (let rest = index; text.length < length; rest = Math.floor(rest / LETTERS.length))
    text += LETTERS.charAt(rest % LETTERS.length);
  return text;
}

function chain(depth: number, layer: Buffer): Buffer {
  return join(Buffer.alloc(depth * layer.length, layer), NIL);
}

/** An object of so many fields. */
function fields(count: number, key: (index: number) => string): Buffer {
  const all = Array.from({ length: count }, (_, index) => join(textToken(key(index)), NIL));
  return join(count < 16 ? mapHead(count) : head(0xde, uint(count, 2)), ...all);
}

interface ErrorParts {
  readonly stack?: Buffer;
  readonly hidden?: Buffer;
  readonly own?: Buffer;
  readonly origin?: number;
}

/** An error of a class, with whatever else. */
function error(
  name: string,
  { stack = NIL, hidden = mapHead(0), own = mapHead(0), origin = 0 }: ErrorParts = {},
): Buffer {
  return extension(Extension.ERROR, join(Buffer.of(origin), textToken(name), NIL, NIL, stack, hidden, own));
}

type Repeated = Readonly<Record<string, readonly [item: Buffer, bare: () => unknown]>>;

const words = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => word(index, 1));
const FEW_NAMES = words(15);
const NAMES_OF_31 = words(31);
const NAMES_OF_60 = words(60);

function arraysIn(depth: number): unknown {
  return depth === 0 ? null : [arraysIn(depth - 1)];
}

function pairsIn(depth: number): unknown {
  return depth === 0 ? null : [null, pairsIn(depth - 1)];
}

function objectsIn(depth: number): unknown {
  return depth === 0 ? null : { a: objectsIn(depth - 1) };
}

/** With as many fields as there are names. */
function objectOf(names: readonly string[]): object {
  const object: Record<string, null> = {};
  for (const name of names) object[name] = null;
  return object;
}

/** With more fields than the engine makes hidden classes for. */
function tableOf(names: readonly string[]): object {
  const table = Object.setPrototypeOf(Object.create(null), Object.prototype) as Record<string, null>;
  for (const name of names) table[name] = null;
  return table;
}

function withHole(): unknown[] {
  return new Array<unknown>(1);
}

function errorOfHiddenFields(): Error {
  const made = new Error("m");
  for (const name of FEW_NAMES)
    Object.defineProperty(made, name, { value: null, writable: true, configurable: true });
  return made;
}

const CONTROLS = "\u0001".repeat(60_000);
const QUERY = "&a".repeat(10_000);
const SIGNAL = new AbortController().signal;

const REPEATED: Repeated = {
  "[]": [Buffer.of(0x90), () => []],
  "[null]": [Buffer.of(0x91, 0xc0), () => [null]],
  "[1, 1, 1]": [Buffer.of(0x93, 1, 1, 1), () => [1, 1, 1]],
  "[[[…]]], 100 deep": [chain(100, Buffer.of(0x91)), () => arraysIn(100)],
  "[null, [null, […]]], 990 deep": [chain(990, Buffer.of(0x92, 0xc0)), () => pairsIn(990)],
  "{a: {a: {…}}}, 990 deep": [chain(990, join(mapHead(1), A)), () => objectsIn(990)],
  "{a: null}": [fields(1, () => "a"), () => ({ a: null })],
  "{__proto__: null}": [
    fields(1, () => "__proto__"),
    () => Object.defineProperty({}, "__proto__", { value: null, writable: true, enumerable: true }),
  ],
  "{valueOf: null}": [fields(1, () => "valueOf"), () => ({ valueOf: null })],
  "{é: null}": [fields(1, () => "é"), () => ({ é: null })],
  "{9: null}": [fields(1, () => "9"), () => ({ 9: null })],
  "objects of 31 fields": [fields(31, (index) => word(index, 1)), () => objectOf(NAMES_OF_31)],
  "objects of 60 fields": [fields(60, (index) => word(index, 1)), () => tableOf(NAMES_OF_60)],
  "array of one hole": [join(arrayHead(1), Buffer.of(0xd4, Extension.HOLES, 1)), withHole],
  null: [NIL, () => null],
  'the text ""': [EMPTY, () => ""],
  'the text "é"': [textToken("é"), () => String.fromCharCode(0xe9)],
  "the text U+FFFD": [textToken("\ufffd"), () => String.fromCharCode(0xfffd)],
  "half a surrogate pair": [Buffer.of(0xd5, Extension.UTF16, 0, 0xd8), () => String.fromCharCode(0xd800)],
  "bigint of a byte": [extension(Extension.BIGINT, Buffer.of(0, 1)), () => BigInt(1)],
  "Uint8Array of none": [Buffer.of(0xc4, 0), () => new Uint8Array(0)],
  "Float32Array of two": [
    extension(Extension.VIEW_BYTES, Buffer.alloc(9, 8)),
    () => Float32Array.of(1.5, 1.5),
  ],
  "DataView of eight bytes": [
    extension(Extension.VIEW_BYTES, Buffer.alloc(9, 0)),
    () => new DataView(new ArrayBuffer(8)),
  ],
  "ArrayBuffer of eight bytes": [extension(Extension.BUFFER, Buffer.alloc(8)), () => new ArrayBuffer(8)],
  Date: [extension(Extension.DATE, Buffer.alloc(8, 1)), () => new Date(1)],
  "regular expression": [
    extension(Extension.REGEXP, join(textToken("[\\p{L}]a{2}"), textToken("iu"), Buffer.of(0))),
    () => /[\p{L}]a{2}/iu,
  ],
  URL: [
    extension(Extension.URL, textToken("http://xn--wgv71a119e.xn--wgv71a119e/")),
    () => new URL("http://xn--wgv71a119e.xn--wgv71a119e/"),
  ],
  query: [extension(Extension.URL_SEARCH_PARAMS, textToken(QUERY)), () => new URLSearchParams(QUERY)],
  signal: [Buffer.of(0xd4, Extension.SIGNAL, 1), () => SIGNAL],
  TypeError: [error("TypeError"), () => new TypeError("m")],
  DOMException: [error("DOMException"), () => new DOMException()],
  "WorkerLostError of Merino's": [error("WorkerLostError", { origin: 1 }), () => new Error("m")],
  "error of hidden fields": [
    error("Error", { hidden: fields(15, (index) => word(index, 1)) }),
    errorOfHiddenFields,
  ],
  "stack of controls": [
    error("Error", { stack: textToken(CONTROLS) }),
    () => Object.defineProperty(new Error("m"), "stack", { value: CONTROLS }),
  ],
};

type Bare = Shape["bare"];
type Items = readonly (readonly [
  name: string,
  holder: Shape["holder"],
  item: (index: number) => Buffer,
  bare: Bare,
])[];

/** The text that a short token holds. */
function textAt(bytes: Buffer, at: number): string {
  const length = (bytes[at] as number) ^ 0xa0;
  return shortAscii(bytes, at + 1, length) ?? shortUtf8(bytes, at + 1, length) ?? "";
}

/** An object of as many fields as there are keys in the token of a map at a position. */
function objectAt(bytes: Buffer, at: number): object {
  const object: Record<string, null> = {};
  let from = at + 1;
  for (let rest = (bytes[at] as number) & 0x0f; rest > 0; rest--) {
    object[textAt(bytes, from)] = null;
    from += 2 + ((bytes[from] as number) ^ 0xa0);
  }
  return object;
}

function fractionAt(bytes: Buffer, at: number): number {
  return bytes.readDoubleBE(at + 1);
}

const DIFFERENT: Items = [
  ["keys of 2 letters", "object", (index) => join(textToken(word(index, 2)), NIL), textAt],
  ["keys of 3 letters", "object", (index) => join(textToken(word(index, 3)), NIL), textAt],
  ["keys of 6 letters", "object", (index) => join(textToken(word(index, 6)), NIL), textAt],
  ["keys of 8 letters", "object", (index) => join(textToken(word(index, 8)), NIL), textAt],
  ["keys é…", "object", (index) => join(textToken(`é${word(index, 2)}`), NIL), textAt],
  ["indexes backwards", "object", (index) => join(textToken(String(999_999 - index)), NIL), textAt],
  [
    "indexes far apart",
    "object",
    (index) => join(textToken(String((index * 1_037) % 999_999_937)), NIL),
    textAt,
  ],
  ["keys of 15 digits", "object", (index) => join(textToken(String(9e14 + index * 16_384)), NIL), textAt],
  ["objects of a key of their own", "array", (index) => fields(1, () => word(index, 3)), objectAt],
  [
    "objects of 2 000 shapes",
    "array",
    (index) => fields(4, (at) => word((index % 2_000) + 100 * at, 2)),
    objectAt,
  ],
  [
    "signals",
    "array",
    (index) => head(0xd6, join(Buffer.of(Extension.SIGNAL), uint(index, 4))),
    () => new AbortController().signal,
  ],
  [
    "routines",
    "array",
    (index) =>
      extension(Extension.TAINTED_ROUTINE, join(textToken(`a#${index.toString(36)}`), Buffer.of(0xc2))),
    (bytes, at) => Object.assign(() => undefined, { at: bytes[at] }),
  ],
  ["texts", "Set", (index) => textToken(word(index, 3)), textAt],
  [
    "whole numbers",
    "Set",
    (index) => head(0xcd, uint(index % 65_536, 2)),
    (bytes, at) => bytes.readUInt16BE(at + 1),
  ],
  ["fractions", "Map", (index) => join(float64(index + 0.5), NIL), fractionAt],
  [
    "bigints",
    "Set",
    (index) => head(0xd3, join(uint(0, 4), uint(index, 4))),
    (bytes, at) => BigInt(bytes.readUInt32BE(at + 5)),
  ],
  ["numbers as texts", "Map", (index) => join(textToken(String(index)), NIL), textAt],
];

/** All shapes. */
export const SHAPES: readonly Shape[] = [
  ...Object.entries(REPEATED).map(([name, [item, bare]]): Shape => ({ name, holder: "array", item, bare })),
  ...DIFFERENT.map(
    ([name, holder, item, bare]): Shape => ({
      name: holder === "array" ? name : `${holder} of ${name}`,
      holder,
      item,
      bare,
    }),
  ),
];
