/**
 * Values that codecs get wrong. Each is sent as the single argument of a call and as a result; it must
 * arrive as itself, as what `arrives` says, or be refused before sending at the place that `refusedAt`
 * names. Other suites send the same table through real workers.
 */
import { createContext, runInContext } from "node:vm";
import { InvalidOptionError } from "../../../src/errors/invalid-option-error.ts";
import { NoWorkersAvailableError } from "../../../src/errors/no-workers-available-error.ts";
import { TimeoutError } from "../../../src/errors/timeout-error.ts";
import { Bag, LimitError, Money, PaymentError, Point, Reading, Stranger } from "./awkward-classes.ts";

/** One value. `make` gives a fresh one each time. */
export interface AwkwardValue {
  readonly name: string;
  readonly make: () => unknown;
  /** Path below the value itself at which it is refused; `""` for the value itself. Absent: it arrives. */
  readonly refusedAt?: string;
  /** It flows while a call runs, and is refused only where there is no call. */
  readonly flows?: true;
  /** What arrives, where that is not the value itself. */
  readonly arrives?: (value: unknown) => unknown;
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

function withFields<T extends object>(object: T, fields: object): T {
  return Object.assign(object, fields);
}

function holey(length: number, elements: object): unknown[] {
  return Object.assign(new Array<unknown>(length), elements);
}

function cyclic<T extends object>(object: T, close: (object: T) => void): T {
  close(object);
  return object;
}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function ownProto(): object {
  return JSON.parse('{"__proto__": {"polluted": 1}, "a": 1}') as object;
}

const realm = createContext({});
function foreign(source: string): unknown {
  return runInContext(source, realm);
}

const longText = "0123456789abcdef".repeat(10_000);
const Float16 = (globalThis as unknown as { Float16Array?: new (values: number[]) => unknown }).Float16Array;

/** What must arrive. */
const ARRIVING: readonly AwkwardValue[] = [
  { name: "undefined", make: () => undefined },
  { name: "null", make: () => null },
  { name: "true and false", make: () => [true, false] },
  { name: "zero", make: () => 0 },
  { name: "negative zero", make: () => -0 },
  { name: "negative zero in an array", make: () => [-0, 0] },
  { name: "NaN", make: () => Number.NaN },
  { name: "both infinities", make: () => [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] },
  { name: "integers at the limits of tokens", make: () => [127, 128, 255, 256, 65_535, 65_536, 2 ** 31 - 1] },
  {
    name: "negative integers at the limits of tokens",
    make: () => [-32, -33, -128, -129, -32_768, -32_769, -(2 ** 31)],
  },
  { name: "integers beyond 32 bits", make: () => [2 ** 31, 2 ** 32, -(2 ** 31) - 1, 2 ** 53, -(2 ** 53)] },
  { name: "extreme floats", make: () => [Number.MIN_VALUE, Number.MAX_VALUE, Number.EPSILON, 0.1] },
  { name: "small bigints", make: () => [0n, 1n, -1n, 255n] },
  {
    name: "bigints at the limits of 64 bits",
    make: () => [2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n, -(2n ** 63n) - 1n],
  },
  { name: "bigint of 64 unsigned bits", make: () => [2n ** 64n - 1n, 2n ** 64n, -(2n ** 64n)] },
  { name: "bigint of 100 000 bits", make: () => 3n ** 63_000n },
  { name: "negative bigint of 100 000 bits", make: () => -(3n ** 63_000n) },
  { name: "empty string", make: () => "" },
  {
    name: "ASCII strings around the limits of tokens",
    make: () => [15, 16, 31, 32, 40, 41, 255, 256].map((n) => "x".repeat(n)),
  },
  { name: "string of 160 000 characters", make: () => longText },
  { name: "Latin-1 string", make: () => "Grüße, ça va" },
  { name: "string beyond the basic plane", make: () => "a😀b𝒳" },
  { name: "long string of three-byte characters", make: () => "日本語".repeat(5_000) },
  { name: "medium string of three-byte characters", make: () => "日本語".repeat(30) },
  { name: "lone high surrogate", make: () => "a\ud800b" },
  { name: "lone low surrogate", make: () => "\udc00" },
  { name: "surrogates in the wrong order", make: () => "\udc00\ud800" },
  { name: "long string with a lone surrogate", make: () => `${longText}\ud800` },
  { name: "lone surrogate as a key", make: () => ({ "\ud800": 1, b: 2 }) },
  { name: "replacement character", make: () => "a\ufffdb" },
  { name: "byte order mark", make: () => "\ufeffa" },
  { name: "NUL character", make: () => "a\0b" },
  {
    name: "cons string",
    make: () => ["abc", "defghijklmnop"].reduce((text, part) => text + part, "start of a string: "),
  },
  { name: "empty object", make: () => ({}) },
  { name: "object with an undefined field", make: () => ({ a: undefined }) },
  { name: "object with an empty key", make: () => ({ "": 1 }) },
  {
    name: "object with 15 fields",
    make: () => Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`k${i}`, i])),
  },
  {
    name: "object with 16 fields",
    make: () => Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, [i]])),
  },
  {
    name: "object with 70 000 fields",
    make: () => Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i])),
  },
  { name: "object with keys that look like indexes", make: () => ({ 1: "a", 0: "b", "-1": "c", "01": "d" }) },
  { name: "object with a long key", make: () => ({ ["k".repeat(300)]: 1 }) },
  { name: "object with a key beyond ASCII", make: () => ({ größe: 1, 鍵: 2 }) },
  { name: "own __proto__ field", make: ownProto },
  {
    name: "fields named like methods of Object",
    make: () => ({ constructor: 1, toString: 2, hasOwnProperty: 3 }),
  },
  { name: "field named toJSON", make: () => ({ toJSON: "text" }) },
  {
    name: "null-prototype object",
    make: () => withFields(Object.create(null) as object, { a: 1, __proto__x: 2 }),
  },
  { name: "frozen object", make: () => Object.freeze({ a: [1] }) },
  {
    name: "object with a getter",
    make: () => ({
      get a() {
        return 1;
      },
    }),
    arrives: () => ({ a: 1 }),
  },
  {
    name: "object with a hidden field",
    make: () => Object.defineProperty({ a: 1 }, "b", { value: 2 }),
    arrives: () => ({ a: 1 }),
  },
  { name: "proxy of an object", make: () => new Proxy({ a: 1, b: [2] }, {}) },
  { name: "empty array", make: () => [] },
  { name: "array of 16", make: () => Array.from({ length: 16 }, (_, i) => i) },
  { name: "array of 70 000", make: () => Array.from({ length: 70_000 }, (_, i) => i % 200) },
  { name: "array with holes", make: () => holey(5, { 0: 1, 2: 3 }) },
  { name: "array of undefined", make: () => [undefined, undefined] },
  { name: "array of holes only", make: () => new Array(5) },
  { name: "long array of holes only", make: () => new Array(1_000) },
  {
    name: "array of greatest length with two elements",
    make: () =>
      cyclic<unknown[]>([], (a) => {
        a[7] = "a";
        a[4_294_967_294] = "b";
      }),
  },
  { name: "array with a field of its own", make: () => withFields([1, 2], { note: "x" }) },
  {
    name: "long array with a field of its own",
    make: () =>
      withFields(
        Array.from({ length: 100 }, (_, i) => i),
        { note: { a: 1 } },
      ),
  },
  {
    name: "sparse array with fields",
    make: () => withFields(holey(3, { 0: 1, 2: 3 }), { note: "x", "-1": 2 }),
  },
  {
    name: "array with a field named __proto__",
    make: () =>
      Object.defineProperty([1], "__proto__", {
        value: 5,
        enumerable: true,
        writable: true,
        configurable: true,
      }),
  },
  { name: "match of a regular expression", make: () => /(?<year>\d+)/.exec("in 1999") },
  { name: "nesting of 500 levels", make: () => nested(500) },
  { name: "Date", make: () => new Date(1_700_000_000_123) },
  { name: "Date before 1970", make: () => new Date(-1) },
  { name: "invalid Date", make: () => new Date(Number.NaN) },
  { name: "RegExp", make: () => /a\/b[\]]+/giu },
  {
    name: "RegExp with lastIndex",
    make: () =>
      withFields(/a/g, {}) &&
      cyclic(/a/g, (r) => {
        r.lastIndex = 3;
      }),
  },
  {
    name: "Map",
    make: () =>
      new Map<unknown, unknown>([
        ["a", 1],
        [2, "b"],
        [{ c: 3 }, null],
        [Number.NaN, undefined],
      ]),
  },
  { name: "Map with a key that is negative zero's equal", make: () => new Map([[0, "zero"]]) },
  {
    name: "Map that contains itself",
    make: () => cyclic(new Map<unknown, unknown>(), (m) => m.set("self", m).set(m, 1)),
  },
  { name: "Set", make: () => new Set<unknown>([1, "a", { b: 1 }, undefined, Number.NaN]) },
  { name: "Set that contains itself", make: () => cyclic(new Set<unknown>(), (s) => s.add(s)) },
  {
    name: "boxed primitives",
    make: () => [-0, "a", false, 5n].map((primitive) => new Object(primitive)),
    arrives: (v) => v,
  },
  {
    name: "object that contains itself",
    make: () =>
      cyclic<Record<string, unknown>>({}, (o) => {
        o.self = o;
      }),
  },
  { name: "array that contains itself", make: () => cyclic<unknown[]>([], (a) => a.push(a)) },
  {
    name: "one object twice",
    make: () =>
      cyclic<unknown[]>([], (a) => {
        const b = { x: 1 };
        a.push(b, b, { b });
      }),
  },
  { name: "equal objects that are two", make: () => [{ x: 1 }, { x: 1 }] },
  {
    name: "one Date twice",
    make: () =>
      cyclic<unknown[]>([], (a) => {
        const d = new Date(0);
        a.push(d, d);
      }),
  },
  {
    name: "300 objects, each twice",
    make: () => {
      const a = Array.from({ length: 300 }, (_, i) => ({ i }));
      return [a, [...a].reverse()];
    },
  },
  { name: "ArrayBuffer", make: () => Uint8Array.from({ length: 16 }, (_, i) => i).buffer },
  { name: "empty ArrayBuffer", make: () => new ArrayBuffer(0) },
  { name: "large ArrayBuffer", make: () => new Uint8Array(100_000).fill(7).buffer },
  {
    name: "every typed array",
    make: () => [
      new Int8Array([-1]),
      new Uint8Array([255]),
      new Uint8ClampedArray([300]),
      new Int16Array([-300]),
      new Uint16Array([65_535]),
      new Int32Array([-70_000]),
      new Uint32Array([2 ** 32 - 1]),
      new Float32Array([0.5, -0]),
      new Float64Array([Math.PI, Number.NaN]),
    ],
  },
  {
    name: "bigint arrays",
    make: () => [new BigInt64Array([-(2n ** 63n)]), new BigUint64Array([2n ** 64n - 1n])],
  },
  {
    name: "Float16Array, where there is one",
    make: () => (Float16 === undefined ? 1 : new Float16([1.5, -0])),
  },
  { name: "empty typed array", make: () => new Float64Array(0) },
  { name: "large Float64Array", make: () => Float64Array.from({ length: 10_000 }, (_, i) => i / 3) },
  { name: "typed array at an odd offset", make: () => new Uint8Array(new ArrayBuffer(16), 3, 5) },
  { name: "DataView", make: () => new DataView(Uint8Array.from([1, 2, 3, 4, 5, 6]).buffer, 2, 3) },
  { name: "Buffer", make: () => Buffer.from("hello") },
  { name: "empty Buffer", make: () => Buffer.alloc(0) },
  { name: "large Buffer", make: () => Buffer.alloc(200_000, "ab") },
  {
    name: "one Uint8Array twice",
    make: () =>
      cyclic<unknown[]>([], (a) => {
        const u = new Uint8Array(3);
        a.push(u, u);
      }),
  },
  { name: "URL", make: () => new URL("https://user@example.org:8080/a%20b?c=d#e") },
  { name: "URLSearchParams", make: () => new URLSearchParams("a=1&a=2&b=%26") },
  { name: "Error", make: () => new Error("m") },
  { name: "Error without message", make: () => Reflect.construct(Error, []) as unknown },
  {
    name: "every built-in error",
    make: () => [
      new EvalError("m"),
      new RangeError("m"),
      new ReferenceError("m"),
      new SyntaxError("m"),
      new TypeError("m"),
      new URIError("m"),
    ],
  },
  {
    name: "Error with a cause",
    make: () => new Error("m", { cause: new TypeError("c", { cause: { deep: 1 } }) }),
  },
  { name: "Error with an undefined cause", make: () => new Error("m", { cause: undefined }) },
  {
    name: "Error that is its own cause",
    make: () =>
      cyclic(new Error("m"), (e) => {
        e.cause = e;
      }),
  },
  {
    name: "errors that cause each other",
    make: () => {
      const a = new Error("a");
      const b = new Error("b", { cause: a });
      a.cause = b;
      return [a, b];
    },
  },
  {
    name: "Error with fields of its own",
    make: () => withFields(new Error("m"), { code: "E_X", info: { a: [1] }, when: new Date(5) }),
  },
  { name: "Error with a name of its own", make: () => withFields(new Error("m"), { name: "CustomError" }) },
  {
    name: "Error with a stack that was changed",
    make: () =>
      cyclic(new Error("m"), (e) => {
        e.stack = "nowhere";
      }),
  },
  {
    name: "error of the system",
    make: () =>
      withFields(new Error("ENOENT: no such file"), {
        errno: -2,
        code: "ENOENT",
        syscall: "open",
        path: "/x",
      }),
  },
  { name: "AggregateError", make: () => new AggregateError([new TypeError("a"), "b", 3], "m", { cause: 1 }) },
  { name: "DOMException AbortError", make: () => new DOMException("stop", "AbortError") },
  {
    name: "DOMException TimeoutError",
    make: () => AbortSignal.abort(new DOMException("late", "TimeoutError")).reason as unknown,
  },
  {
    name: "Merino's TimeoutError",
    make: () => new TimeoutError("app/jobs.ts#f", { phase: "running", timeout: 5 }),
  },
  {
    name: "Merino's NoWorkersAvailableError",
    make: () =>
      new NoWorkersAvailableError([{ uid: "w", reason: "filter", detail: "d" }], { cause: new Error("c") }),
  },
  {
    name: "Merino's InvalidOptionError",
    make: () => new InvalidOptionError("size", { value: -1, expected: "a count" }),
  },
  { name: "instance of a portable class", make: () => new Point(1, -0) },
  {
    name: "100 instances of portable classes",
    make: () => Array.from({ length: 100 }, (_, i) => (i % 2 ? new Point(i, i) : new Reading())),
  },
  {
    name: "portable instance with a field of an accessor's name",
    make: () =>
      Object.defineProperty(new Reading(), "scaled", {
        value: 9,
        enumerable: true,
        writable: true,
        configurable: true,
      }),
  },
  {
    name: "portable instance that contains itself",
    make: () =>
      withFields(
        cyclic(new Point(1, 2), (p) => {
          Object.assign(p, { self: p });
        }),
        {},
      ),
  },
  { name: "portable class with private fields", make: () => new Money(10n ** 30n), arrives: (v) => v },
  { name: "portable subclass of Map", make: () => new Bag([["a", 1]]) },
  { name: "portable error", make: () => new PaymentError("declined", 3, { cause: new Error("c") }) },
  { name: "portable error with hooks", make: () => new LimitError(5) },
  { name: "portable class itself", make: () => [Point, Point] },
  { name: "Map of another realm", make: () => foreign("new Map([[1, { a: 2 }]])") },
  { name: "Date of another realm", make: () => foreign("new Date(5)") },
  { name: "Error of another realm", make: () => foreign("new RangeError('m', { cause: [1] })") },
  { name: "Uint8Array of another realm", make: () => foreign("new Uint8Array([1, 2])") },
  { name: "object and array of another realm", make: () => foreign("[{ a: [1, , 2] }, /x/g, new Set([1])]") },
];

/** What must be refused. */
const REFUSED: readonly AwkwardValue[] = [
  { name: "function", make: () => () => 1, refusedAt: "" },
  { name: "method in an object", make: () => ({ a: 1, callback() {} }), refusedAt: ".callback" },
  {
    name: "function deep inside",
    make: () => ({ items: [1, 2, 3, { on: new Map([["k", [() => 1]]]) }] }),
    refusedAt: '.items[3].on.get("k")[0]',
  },
  {
    name: "function as a Map key",
    make: () =>
      new Map<unknown, unknown>([
        ["a", 1],
        [() => 1, 2],
      ]),
    refusedAt: ".keys()[1]",
  },
  { name: "function in a Set", make: () => new Set<unknown>([1, () => 1]), refusedAt: ".values()[1]" },
  { name: "function under an odd key", make: () => ({ "odd key": () => 1 }), refusedAt: '["odd key"]' },
  { name: "method toJSON", make: () => ({ toJSON: () => 1 }), refusedAt: ".toJSON" },
  { name: "class that is not portable", make: () => Stranger, refusedAt: "" },
  { name: "instance of a class that is not portable", make: () => [new Stranger()], refusedAt: "[0]" },
  { name: "instance of a subclass of Map", make: () => new (class Registry extends Map {})(), refusedAt: "" },
  { name: "instance of a subclass of Array", make: () => new (class List extends Array {})(), refusedAt: "" },
  {
    name: "instance of a subclass of Uint8Array",
    make: () => new (class Bytes extends Uint8Array {})(2),
    refusedAt: "",
  },
  {
    name: "instance of a subclass of a portable class",
    make: () => new (class Point3 extends Point {})(1, 2),
    refusedAt: "",
  },
  {
    name: "object whose prototype is an object",
    make: () => Object.create({ a: 1 }) as unknown,
    refusedAt: "",
  },
  { name: "symbol", make: () => Symbol("s"), refusedAt: "" },
  { name: "registered symbol", make: () => [Symbol.for("s")], refusedAt: "[0]" },
  { name: "symbol as a key", make: () => ({ a: { [Symbol("s")]: 1 } }), refusedAt: ".a[Symbol(s)]" },
  { name: "Promise", make: () => Promise.resolve(1), refusedAt: "" },
  { name: "WeakMap", make: () => new WeakMap(), refusedAt: "" },
  { name: "WeakSet", make: () => new WeakSet(), refusedAt: "" },
  { name: "WeakRef", make: () => new WeakRef({}), refusedAt: "" },
  {
    name: "generator",
    make: () =>
      (function* count() {
        yield 1;
      })(),
    refusedAt: "",
  },
  {
    name: "async generator",
    make: () =>
      (async function* count() {
        yield 1;
      })(),
    refusedAt: "",
    flows: true,
  },
  { name: "iterator of an array", make: () => [1].values(), refusedAt: "" },
  { name: "SharedArrayBuffer", make: () => new SharedArrayBuffer(8), refusedAt: "" },
  {
    name: "view on a SharedArrayBuffer",
    make: () => [new Uint8Array(new SharedArrayBuffer(8))],
    refusedAt: "[0]",
  },
  { name: "detached ArrayBuffer", make: detached, refusedAt: "" },
  { name: "AbortController", make: () => new AbortController(), refusedAt: "" },
  { name: "readable stream", make: () => new ReadableStream(), refusedAt: "", flows: true },
  { name: "Map with a field of its own", make: () => withFields(new Map(), { note: 1 }), refusedAt: "" },
  {
    name: "arguments object",
    make: () =>
      (function collect(..._: unknown[]) {
        // biome-ignore lint/complexity/noArguments: That object is the value.
        return arguments;
      })(1, 2),
    refusedAt: "",
  },
  {
    name: "getter that throws",
    make: () => ({
      get a(): never {
        throw new Error("no");
      },
    }),
    refusedAt: ".a",
  },
  {
    name: "revoked proxy",
    make: () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return [proxy];
    },
    refusedAt: "[0]",
  },
];

/** The whole table. */
export const AWKWARD_VALUES: readonly AwkwardValue[] = [...ARRIVING, ...REFUSED];
