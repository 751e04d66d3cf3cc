/**
 * Asserts that a value arrived as itself: same structure, same classes, same −0, holes and hidden
 * fields, and the same identities (what was one object is one, what were two are two).
 */
import assert from "node:assert/strict";
import { types } from "node:util";
import { shownLines } from "../../../src/internal/shown-text.ts";
import { platformContent } from "./platform-content.ts";

/** Compares what arrived with what was sent. @param options `stacks: false` leaves the stacks of errors alone. */
export function assertSame(
  actual: unknown,
  expected: unknown,
  options: { readonly stacks?: boolean } = {},
): void {
  compare(actual, expected, {
    path: "value",
    there: new Map(),
    back: new Map(),
    stacks: options.stacks ?? true,
  });
}

interface Comparison {
  readonly path: string;
  readonly there: Map<object, object>;
  readonly back: Map<object, object>;
  readonly stacks: boolean;
}

function compare(actual: unknown, expected: unknown, state: Comparison): void {
  if (typeof expected !== "object" || expected === null || typeof actual !== "object" || actual === null) {
    assert.ok(Object.is(actual, expected), `${state.path}: ${label(actual)} is not ${label(expected)}`);
    return;
  }
  if (state.there.has(expected) || state.back.has(actual)) {
    assert.equal(state.there.get(expected), actual, `${state.path}: another identity`);
    assert.equal(state.back.get(actual), expected, `${state.path}: another identity`);
    return;
  }
  state.there.set(expected, actual);
  state.back.set(actual, expected);
  assert.equal(tag(actual), tag(expected), `${state.path}: another kind of object`);
  comparePrototypes(actual, expected, state.path);
  compareContent(actual, expected, state);
  if (ArrayBuffer.isView(expected) || expected instanceof AbortSignal || expected instanceof URL) return;
  compareFields(actual, expected, state);
}

function compareContent(actual: object, expected: object, state: Comparison): void {
  const at = (step: string) => ({ ...state, path: `${state.path}${step}` });
  if (types.isDate(expected)) {
    assert.ok(Object.is((actual as Date).getTime(), expected.getTime()), `${state.path}: another time`);
  } else if (types.isRegExp(expected)) {
    assert.equal(String(actual), String(expected), state.path);
    assert.equal((actual as RegExp).lastIndex, expected.lastIndex, state.path);
  } else if (types.isMap(expected)) {
    compare([...(actual as Map<unknown, unknown>)].flat(1), [...expected].flat(1), at("{map}"));
  } else if (types.isSet(expected)) {
    compare([...(actual as Set<unknown>)], [...expected], at("{set}"));
  } else if (ArrayBuffer.isView(expected)) {
    compareBytes(actual as ArrayBufferView, expected, state.path);
  } else if (types.isArrayBuffer(expected)) {
    compareBytes(new Uint8Array(actual as ArrayBuffer), new Uint8Array(expected), state.path);
  } else if (expected instanceof URL || expected instanceof URLSearchParams) {
    assert.equal(String(actual), String(expected), state.path);
  } else if (platformContent(expected) !== undefined) {
    assert.deepEqual(platformContent(actual), platformContent(expected), state.path);
  } else if (types.isBoxedPrimitive(expected)) {
    compare(actual.valueOf(), expected.valueOf(), at("{boxed}"));
  } else if (Array.isArray(expected)) {
    assert.equal((actual as unknown[]).length, expected.length, `${state.path}: another length`);
  }
}

function compareBytes(actual: ArrayBufferView, expected: ArrayBufferView, path: string): void {
  const bytes = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  assert.ok(bytes(actual).equals(bytes(expected)), `${path}: other bytes`);
}

function compareFields(actual: object, expected: object, state: Comparison): void {
  assert.deepEqual(Object.keys(actual), Object.keys(expected), `${state.path}: other fields`);
  const hidden = types.isNativeError(expected) ? ["message", "name", "code", "cause", "errors"] : [];
  for (const key of [...Object.keys(expected), ...hidden]) {
    assert.equal(Object.hasOwn(actual, key), Object.hasOwn(expected, key), `${state.path}: field ${key}`);
    const fields = (object: object) => (object as Record<string, unknown>)[key];
    compare(fields(actual), fields(expected), { ...state, path: `${state.path}.${key}` });
  }
  if (state.stacks && types.isNativeError(expected)) {
    assert.equal((actual as Error).stack, shownLines(expected.stack ?? ""), `${state.path}: another stack`);
  }
}

/** Compares classes by name: an object of another realm arrives as one of this realm. */
function comparePrototypes(actual: object, expected: object, path: string): void {
  const ours: object | null = Object.getPrototypeOf(actual);
  const theirs: object | null = Object.getPrototypeOf(expected);
  if (ours === theirs) return;
  assert.ok(ours !== null && theirs !== null, `${path}: another prototype`);
  assert.equal(ours.constructor.name, theirs.constructor.name, `${path}: another class`);
}

function tag(value: object): string {
  return Object.prototype.toString.call(value);
}

function label(value: unknown): string {
  return typeof value === "bigint" ? `${value}n` : Object.is(value, -0) ? "-0" : String(value).slice(0, 100);
}
