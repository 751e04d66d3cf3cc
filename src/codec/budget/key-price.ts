/** What a key costs by its text alone. */
import { Price } from "./prices.ts";

/** Digits of the longest key that the reader takes for an index. */
const INDEX_DIGITS = 9;
/** Digits of the longest key that the engine takes for a whole number. */
const NUMBER_DIGITS = 16;
/** Honest keys are longer on average; the engine takes the same time over all. */
const SHORT_KEY_BYTES = 5;
const PROTOTYPE_KEY = Buffer.from("__proto__");

/** Whether a key is the index of an array. */
export function isIndexKey(isDigits: boolean, lengthBytes: number): boolean {
  return isDigits && lengthBytes <= INDEX_DIGITS;
}

/** Whether bytes are the key `__proto__`, whose field cannot be assigned. */
export function isPrototypeKey(bytes: Uint8Array, from: number, end: number): boolean {
  if (end - from !== PROTOTYPE_KEY.length || bytes[from] !== PROTOTYPE_KEY[0]) return false;
  return PROTOTYPE_KEY.every((byte, index) => bytes[from + index] === byte);
}

/** Of a key that is new to an object which is a hash table. */
export function newKeyPrice(isDigits: boolean, lengthBytes: number): number {
  if (isIndexKey(isDigits, lengthBytes)) return Price.NEW_INDEX_KEY;
  if (isDigits && lengthBytes <= NUMBER_DIGITS) return Price.NEW_NUMBER_KEY;
  return lengthBytes <= SHORT_KEY_BYTES ? Price.NEW_SHORT_KEY : Price.NEW_KEY;
}
