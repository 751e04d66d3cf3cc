/**
 * Finds what was put onto an array, a view or another built-in object beside its content. Arrays can take it
 * along under keys that are strings; everything else would be lost, and is refused.
 */
import { inspect, isDeepStrictEqual } from "node:util";
import type { Encoding } from "./encoding.ts";

/** Above these lengths, listing the keys of all elements costs more than asking `inspect` for a summary. */
const LISTED_ELEMENTS = 48;
const LISTED_BYTES = 32;
/** Up to this size, comparing a view with another one of the same memory costs a third of that summary. */
const COMPARED_BYTES = 64 * 1024;

/** Few, because each costs time. A program may change the defaults of the others; see `summaryOf`. */
const SUMMARY = { maxArrayLength: 0, depth: 0, customInspect: false } as const;
/** Of the samples; a number that occurs in no text but as their length. */
const SAMPLE_LENGTH = 7919;

/** Keys of elements as `Object.keys` lists them. */
const INDEX_KEYS: readonly string[] = Array.from({ length: LISTED_ELEMENTS }, (_, index) => String(index));

/**
 * The output of `inspect` for an object without fields, by the name of its class: the texts before and after its
 * length.
 */
const summaries = new Map<string, readonly string[]>();

/** The keys of an array's own enumerable fields besides its elements, or `undefined` for none. */
export function fieldKeys(array: readonly unknown[]): string[] | undefined {
  const { length } = array;
  if (length > LISTED_ELEMENTS && isSummary(inspect(array, SUMMARY), "Array", length)) return undefined;
  const keys = Object.keys(array);
  // Keys of elements come first, in ascending order.
  const last = keys[keys.length - 1];
  if (last === undefined || last === INDEX_KEYS[length - 1] || isIndex(last, Number(last))) return undefined;
  return keys.filter((key) => !isIndex(key, Number(key)));
}

/** Whether a key is that of an element. */
export function isIndex(key: string, index: number): boolean {
  return index >= 0 && index < 0xffff_ffff && Number.isInteger(index) && String(index) === key;
}

/** Refuses fields put onto a built-in object without elements. */
export function refuseFields(encoding: Encoding, object: object): void {
  refuseSymbol(encoding, object);
  refuseNamedField(encoding, object);
}

/** Refuses fields put onto a built-in object under keys that are strings. */
export function refuseNamedField(encoding: Encoding, object: object): void {
  const key = Object.keys(object)[0];
  if (key !== undefined) refuseField(encoding, key);
}

/** Refuses fields put onto a boxed string, whose characters have keys. */
export function refuseFieldsOfString(encoding: Encoding, boxed: object, length: number): void {
  refuseSymbol(encoding, boxed);
  const key = Object.keys(boxed)[length];
  if (key !== undefined) refuseField(encoding, key);
}

/** Refuses fields put onto a view. @param name Its class. */
export function refuseFieldsOfView(encoding: Encoding, view: ArrayBufferView, name: string): void {
  if (name === "DataView") return refuseFields(encoding, view);
  refuseSymbol(encoding, view);
  const { length } = view as Uint8Array;
  if (length > LISTED_BYTES) {
    if (view.byteLength <= COMPARED_BYTES && equalsItsMemory(view as Uint8Array, name)) return;
    if (isSummary(inspect(view, SUMMARY), name, length)) return;
  }
  const key = Object.keys(view)[length];
  if (key !== undefined) refuseField(encoding, key);
}

/**
 * Whether a view is as another one that is made of the same memory, which has no fields. Only a filter: one of another
 * realm is not, nor one of memory that is being written.
 */
function equalsItsMemory(view: Uint8Array, name: string): boolean {
  const { buffer, byteOffset, length } = view;
  if (name === "Buffer") return isDeepStrictEqual(view, Buffer.from(buffer, byteOffset, length));
  const Class = classOf(name);
  return Class !== undefined && isDeepStrictEqual(view, new Class(buffer, byteOffset, length));
}

/** Only a filter: an object with any other output is looked at key by key. */
function isSummary(text: string, name: string, length: number): boolean {
  if (text === summaries.get(name)?.join(String(length))) return true;
  // The first of its class, or a program has changed the defaults of `inspect`.
  const parts = inspect(sampleOf(name), SUMMARY).split(String(SAMPLE_LENGTH));
  summaries.set(name, parts);
  return text === parts.join(String(length));
}

function sampleOf(name: string): object {
  if (name === "Buffer") return Buffer.alloc(SAMPLE_LENGTH);
  return new (classOf(name) ?? Array)(SAMPLE_LENGTH);
}

type IndexedClass = new (...parameters: readonly unknown[]) => object;

function classOf(name: string): IndexedClass | undefined {
  return (globalThis as unknown as Record<string, IndexedClass | undefined>)[name];
}

function refuseSymbol(encoding: Encoding, object: object): void {
  for (const symbol of Object.getOwnPropertySymbols(object)) {
    if (Object.prototype.propertyIsEnumerable.call(object, symbol)) refuseField(encoding, String(symbol));
  }
}

function refuseField(encoding: Encoding, key: string): never {
  encoding.refuse(
    `it is a built-in object with a field of its own, '${key.slice(0, 60)}', which would be lost; send that beside it`,
  );
}
