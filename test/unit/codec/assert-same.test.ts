/** The comparison that the other tests rely on notices what it must. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertSame } from "./assert-same.ts";

const shared = {};

for (const [name, actual, expected] of [
  ["negative zero", [0], [-0]],
  ["a hole", [undefined], new Array(1)],
  ["a field", { a: 1 }, { a: 1, b: undefined }],
  ["the order of fields", { a: 1, b: 2 }, { b: 2, a: 1 }],
  ["a shared object", [{}, {}], [shared, shared]],
  ["an object that is not shared", [shared, shared], [{}, {}]],
  ["the class of an error", new Error("m"), new TypeError("m")],
  ["an own cause", new Error("m"), new Error("m", { cause: undefined })],
  ["a stack", new Error("m"), new Error("m")],
  ["bytes", new Uint8Array([1]), new Uint8Array([2])],
  ["a Buffer", new Uint8Array([1]), Buffer.from([1])],
  ["an entry of a Map", new Map([[1, 2]]), new Map([[1, 3]])],
  ["a null prototype", {}, Object.create(null)],
] as const) {
  test(`assertSame notices ${name}`, () => {
    assert.throws(() => assertSame(actual, expected), assert.AssertionError);
  });
}
