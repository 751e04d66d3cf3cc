/** The shapes of payloads that are the dearest of their kind: each was found by trying several hundred. */
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

const REPEATED: Readonly<Record<string, Buffer>> = {
  "[]": Buffer.of(0x90),
  "[null]": Buffer.of(0x91, 0xc0),
  "[1, 1, 1]": Buffer.of(0x93, 1, 1, 1),
  "[[[…]]], 100 deep": chain(100, Buffer.of(0x91)),
  "[null, [null, […]]], 990 deep": chain(990, Buffer.of(0x92, 0xc0)),
  "{a: {a: {…}}}, 990 deep": chain(990, join(mapHead(1), A)),
  "{a: null}": fields(1, () => "a"),
  "{__proto__: null}": fields(1, () => "__proto__"),
  "{valueOf: null}": fields(1, () => "valueOf"),
  "{é: null}": fields(1, () => "é"),
  "{9: null}": fields(1, () => "9"),
  "objects of 31 fields": fields(31, (index) => word(index, 1)),
  "objects of 60 fields": fields(60, (index) => word(index, 1)),
  "array of one hole": join(arrayHead(1), Buffer.of(0xd4, Extension.HOLES, 1)),
  null: NIL,
  'the text ""': EMPTY,
  'the text "é"': textToken("é"),
  "the text U+FFFD": textToken("\ufffd"),
  "half a surrogate pair": Buffer.of(0xd5, Extension.UTF16, 0, 0xd8),
  "bigint of a byte": extension(Extension.BIGINT, Buffer.of(0, 1)),
  "Uint8Array of none": Buffer.of(0xc4, 0),
  "Float32Array of two": extension(Extension.VIEW_BYTES, Buffer.alloc(9, 8)),
  "DataView of eight bytes": extension(Extension.VIEW_BYTES, Buffer.alloc(9, 0)),
  "ArrayBuffer of eight bytes": extension(Extension.BUFFER, Buffer.alloc(8)),
  Date: extension(Extension.DATE, Buffer.alloc(8, 1)),
  "regular expression": extension(
    Extension.REGEXP,
    join(textToken("[\\p{L}]a{2}"), textToken("iu"), Buffer.of(0)),
  ),
  URL: extension(Extension.URL, textToken("http://xn--wgv71a119e.xn--wgv71a119e/")),
  query: extension(Extension.URL_SEARCH_PARAMS, textToken("&a".repeat(10_000))),
  signal: Buffer.of(0xd4, Extension.SIGNAL, 1),
  TypeError: error("TypeError"),
  DOMException: error("DOMException"),
  "WorkerLostError of Merino's": error("WorkerLostError", { origin: 1 }),
  "error of hidden fields": error("Error", { hidden: fields(15, (index) => word(index, 1)) }),
  "stack of controls": error("Error", { stack: textToken("\u0001".repeat(60_000)) }),
};

type Items = readonly (readonly [name: string, holder: Shape["holder"], item: (index: number) => Buffer])[];

const DIFFERENT: Items = [
  ["keys of 2 letters", "object", (index) => join(textToken(word(index, 2)), NIL)],
  ["keys of 3 letters", "object", (index) => join(textToken(word(index, 3)), NIL)],
  ["keys of 6 letters", "object", (index) => join(textToken(word(index, 6)), NIL)],
  ["keys of 8 letters", "object", (index) => join(textToken(word(index, 8)), NIL)],
  ["keys é…", "object", (index) => join(textToken(`é${word(index, 2)}`), NIL)],
  ["indexes backwards", "object", (index) => join(textToken(String(999_999 - index)), NIL)],
  ["indexes far apart", "object", (index) => join(textToken(String((index * 1_037) % 999_999_937)), NIL)],
  ["keys of 15 digits", "object", (index) => join(textToken(String(9e14 + index * 16_384)), NIL)],
  ["objects of a key of their own", "array", (index) => fields(1, () => word(index, 3))],
  ["objects of 2 000 shapes", "array", (index) => fields(4, (at) => word((index % 2_000) + 100 * at, 2))],
  ["signals", "array", (index) => head(0xd6, join(Buffer.of(Extension.SIGNAL), uint(index, 4)))],
  [
    "routines",
    "array",
    (index) =>
      extension(Extension.TAINTED_ROUTINE, join(textToken(`a#${index.toString(36)}`), Buffer.of(0xc2))),
  ],
  ["texts", "Set", (index) => textToken(word(index, 3))],
  ["whole numbers", "Set", (index) => head(0xcd, uint(index % 65_536, 2))],
  ["fractions", "Map", (index) => join(float64(index + 0.5), NIL)],
  ["bigints", "Set", (index) => head(0xd3, join(uint(0, 4), uint(index, 4)))],
  ["numbers as texts", "Map", (index) => join(textToken(String(index)), NIL)],
];

/** All shapes. */
export const SHAPES: readonly Shape[] = [
  ...Object.entries(REPEATED).map(([name, item]): Shape => ({ name, holder: "array", item })),
  ...DIFFERENT.map(
    ([name, holder, item]): Shape => ({
      name: holder === "array" ? name : `${holder} of ${name}`,
      holder,
      item,
    }),
  ),
];
