/** Values and the bytes they have had since version 1 of the format: the record of its compatibility. */
import { portable } from "../../../src/codec/portable.ts";
import { registerPortable } from "../../../src/codec/portable-registry.ts";
import { NoActivePoolError } from "../../../src/errors/no-active-pool-error.ts";
import { declared } from "../../support/declared-routine.ts";

/** A value and its payload in hexadecimal. */
export interface GoldenPayload {
  readonly name: string;
  readonly make: () => unknown;
  readonly hex: string;
  /** Whether its reader takes text as code units. */
  readonly textUnits?: boolean;
  /** Whether it reads objects of the platform. */
  readonly platform?: boolean;
}

class Pair {
  readonly a: number;

  constructor(a: number) {
    this.a = a;
  }
}
portable(Pair, { id: "golden#Pair" });

/** Two classes of one identity, in two copies of a package. */
const [Outer, Inner] = ["1", "2"].map((version) => {
  class Copied {}
  const copy = version === "1" ? "/node_modules/g" : "/node_modules/a/node_modules/g";
  const declaration = declared(Copied, "g#C", { copy, version });
  registerPortable({
    id: "g#C",
    constructor: Copied,
    encode: undefined,
    decode: undefined,
    copy: declaration,
    declaration,
  });
  return Copied;
}) as [new () => object, new () => object];

function bare<E extends Error>(error: E): E {
  error.stack = "S";
  return error;
}

const { WebAssembly } = globalThis as unknown as {
  WebAssembly: { CompileError: new (message: string) => Error };
};
const shared = { a: 1 };
const buffer = new ArrayBuffer(2);

/** One payload at least for every token and every extension. */
export const GOLDEN_PAYLOADS: readonly GoldenPayload[] = [
  { name: "nil", make: () => null, hex: "08 c0" },
  { name: "undefined", make: () => undefined, hex: "08 d4 00 00" },
  { name: "booleans", make: () => [false, true], hex: "08 92 c2 c3" },
  {
    name: "whole numbers",
    make: () => [1, -1, 200, -100, 1000, -1000, 100_000, -100_000],
    hex: "08 98 01 ff cc c8 d0 9c cd 03 e8 d1 fc 18 ce 00 01 86 a0 d2 ff fe 79 60",
  },
  { name: "float", make: () => 1.5, hex: "08 cb 3f f8 00 00 00 00 00 00" },
  { name: "negative zero", make: () => -0, hex: "08 cb 80 00 00 00 00 00 00 00" },
  { name: "bigint of 64 bits", make: () => -2n, hex: "08 d3 ff ff ff ff ff ff ff fe" },
  { name: "wider bigint", make: () => -(2n ** 64n), hex: "08 c7 0a 03 01 01 00 00 00 00 00 00 00 00" },
  { name: "string", make: () => "é", hex: "08 a2 c3 a9" },
  { name: "ill-formed string", make: () => "a\ud800", hex: "08 c7 04 02 61 00 00 d8" },
  {
    name: "long text of Latin-1",
    make: () => `é${"a".repeat(63)}`,
    hex: `08 c7 40 1a e9${" 61".repeat(63)}`,
    textUnits: true,
  },
  {
    name: "long text beyond Latin-1",
    make: () => `${"a".repeat(63)}\u20ac`,
    hex: `08 c7 80 02${" 61 00".repeat(63)} ac 20`,
    textUnits: true,
  },
  {
    name: "long text as UTF-8",
    make: () => `${"a".repeat(62)}\u20ac`,
    hex: `08 d9 41${" 61".repeat(62)} e2 82 ac`,
  },
  { name: "object", make: () => ({ a: 1, b: [] }), hex: "08 82 a1 61 01 a1 62 90" },
  { name: "array with holes", make: () => Object.assign(new Array(4), { 0: 1 }), hex: "08 94 01 d4 08 03" },
  {
    name: "array with a field",
    make: () => Object.assign([1], { a: 2 }),
    hex: "08 c9 00 00 00 05 09 91 01 a1 61 02",
  },
  {
    name: "null-prototype object",
    make: () => Object.create(null) as object,
    hex: "08 c9 00 00 00 01 0a 80",
  },
  { name: "back reference", make: () => [shared, shared], hex: "09 92 81 a1 61 01 d4 01 01" },
  { name: "Date", make: () => new Date(1), hex: "08 d7 04 3f f0 00 00 00 00 00 00" },
  { name: "RegExp", make: () => /a/g, hex: "08 c9 00 00 00 05 05 a1 61 a1 67 00" },
  { name: "Map", make: () => new Map([["a", 1]]), hex: "08 c9 00 00 00 03 06 a1 61 01" },
  { name: "Set", make: () => new Set([1]), hex: "08 c9 00 00 00 01 07 01" },
  { name: "ArrayBuffer", make: () => new ArrayBuffer(2), hex: "08 c7 02 0b 00 00" },
  { name: "Uint8Array", make: () => new Uint8Array([1, 2]), hex: "08 c4 02 01 02" },
  { name: "Int16Array", make: () => new Int16Array([1]), hex: "08 c7 03 0c 04 01 00" },
  {
    name: "views that share a buffer",
    make: () => [new Uint8Array(buffer), new Uint8Array(buffer, 1)],
    hex: "09 92 c9 00 00 00 08 0e 02 00 02 c7 02 0b 00 00 c9 00 00 00 06 0e 02 01 01 d4 01 02",
  },
  { name: "boxed number", make: () => new Object(1), hex: "08 c9 00 00 00 01 0f 01" },
  {
    name: "URL",
    make: () => new URL("a:b"),
    hex: "08 c9 00 00 00 04 10 a3 61 3a 62",
  },
  {
    name: "URLSearchParams",
    make: () => new URLSearchParams("a"),
    hex: "08 c9 00 00 00 03 11 a2 61 3d",
  },
  {
    name: "built-in error",
    make: () => bare(new TypeError("m", { cause: 1 })),
    hex: "08 c9 00 00 00 19 12 00 a9 54 79 70 65 45 72 72 6f 72 c0 a1 6d a1 53 81 a5 63 61 75 73 65 01 80",
  },
  {
    name: "built-in error of WebAssembly",
    make: () => bare(new WebAssembly.CompileError("m")),
    hex: "08 c9 00 00 00 15 12 00 ac 43 6f 6d 70 69 6c 65 45 72 72 6f 72 c0 a1 6d a1 53 80 80",
  },
  {
    name: "error whose code is hidden",
    make: () => bare(Object.defineProperty(new Error("m"), "code", { value: 1 })),
    hex: "08 c9 00 00 00 14 12 00 a5 45 72 72 6f 72 c0 a1 6d a1 53 81 a4 63 6f 64 65 01 80",
  },
  {
    name: "error of the catalogue",
    make: () => bare(new NoActivePoolError("m")),
    hex: "08 c9 00 00 00 1a 12 01 b1 4e 6f 41 63 74 69 76 65 50 6f 6f 6c 45 72 72 6f 72 c0 a1 6d a1 53 80 80",
  },
  {
    name: "instances of a portable class",
    make: () => [new Pair(1), new Pair(2)],
    hex: "08 92 c9 00 00 00 10 13 ab 67 6f 6c 64 65 6e 23 50 61 69 72 81 a1 61 01 c9 00 00 00 05 13 00 81 a1 61 02",
  },
  {
    name: "portable class",
    make: () => Pair,
    hex: "08 c9 00 00 00 0c 14 ab 67 6f 6c 64 65 6e 23 50 61 69 72",
  },
  {
    name: "class of a copy of its package",
    make: () => [Outer, new Inner()],
    hex: "08 92 c9 00 00 00 1c 14 c9 00 00 00 16 18 a3 67 23 43 af 2f 6e 6f 64 65 5f 6d 6f 64 75 6c 65 73 2f 67 a1 31 c9 00 00 00 2c 13 c9 00 00 00 25 18 a3 67 23 43 be 2f 6e 6f 64 65 5f 6d 6f 64 75 6c 65 73 2f 61 2f 6e 6f 64 65 5f 6d 6f 64 75 6c 65 73 2f 67 a1 32 80",
  },
  {
    name: "headers",
    make: () =>
      new Headers([
        ["a", "b"],
        ["set-cookie", "x"],
        ["set-cookie", "y"],
      ]),
    hex: "08 c9 00 00 00 1e 1f a1 61 a1 62 aa 73 65 74 2d 63 6f 6f 6b 69 65 a1 78 aa 73 65 74 2d 63 6f 6f 6b 69 65 a1 79",
    platform: true,
  },
  {
    name: "form",
    make: () => {
      const form = new FormData();
      form.append("a", "1");
      form.append("a", "2");
      return form;
    },
    hex: "08 c9 00 00 00 08 20 a1 61 a1 31 a1 61 a1 32",
    platform: true,
  },
  {
    name: "empty blob",
    make: () => new Blob([], { type: "t/s" }),
    hex: "08 c9 00 00 00 06 1e c4 00 a3 74 2f 73",
    platform: true,
  },
  {
    name: "empty file",
    make: () => new File([], "f", { lastModified: 1 }),
    hex: "08 c9 00 00 00 06 1e c4 00 a0 a1 66 01",
    platform: true,
  },
  {
    name: "request",
    make: () => new Request("a:b", { redirect: "manual" }),
    hex: "08 c9 00 00 00 20 21 a3 47 45 54 a3 61 3a 62 c9 00 00 00 00 1f c0 c0 a8 72 65 64 69 72 65 63 74 a6 6d 61 6e 75 61 6c",
    platform: true,
  },
  {
    name: "response",
    make: () => new Response(null, { status: 204, statusText: "N" }),
    hex: "08 c9 00 00 00 15 22 cc cc a1 4e c9 00 00 00 00 1f c0 a0 a7 64 65 66 61 75 6c 74 c2",
    platform: true,
  },
  {
    name: "segmenter of Intl",
    make: () => new Intl.Segmenter("en", { granularity: "word" }),
    hex: "08 c9 00 00 00 15 23 09 a2 65 6e ab 67 72 61 6e 75 6c 61 72 69 74 79 a4 77 6f 72 64",
    platform: true,
  },
  {
    name: "locale of Intl",
    make: () => new Intl.Locale("de-u-kn"),
    hex: "08 c9 00 00 00 09 23 05 a7 64 65 2d 75 2d 6b 6e",
    platform: true,
  },
];
