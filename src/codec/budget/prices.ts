/**
 * What the values of a payload cost to read, in bytes: a payload from the network has to be as long as its values are
 * dear. One byte stands for some 15 ns and 24 bytes of memory. What is not listed costs no more than the bytes
 * that it has anyway.
 */

import { Extension } from "../format.ts";

/** Every payload may cost this much more than it is long. */
const FREE_COST = 65_536;

/** No payload may cost more, however long it is: its values would take some 800 MB. */
export const MAX_COST = 33_554_432;

/** What a byte of a price stands for in memory, at most. */
export const PRICE_BYTES = 24;

/** What a payload of this length may cost. */
export function allowedCost(lengthBytes: number): number {
  return Math.min(lengthBytes + FREE_COST, MAX_COST);
}

/**
 * A payload shorter than this cannot cost too much: nothing but signals, flows and what `mayBeDear` finds costs more than 32
 * times its length.
 */
export const SHORTEST_AUDITED_BYTES: number = FREE_COST / 32;

/** The receiver allows this much more, because the number of shapes is an estimate that differs from process to process. */
export const LENIENCY = 1.05;

/** Objects with this many fields or more are hash tables from the start, and have no shape. */
export const MANY_FIELDS = 32;

/** The keys of objects with more fields than this are not looked for among those met before: they are rarely there. */
export const MANY_KEYS = 512;

/** So many different shapes and keys the engine and the reader keep at hand; those that come later cost each time. */
export const MANY_SHAPES = 1024;
export const KNOWN_KEYS = 2048;

/** Prices in bytes. */
export const Price = {
  /** A plain object, without its fields. */
  OBJECT: 4,
  /** A field that gives an object of fewer than `MANY_FIELDS` a shape that no object before it had. */
  NEW_SHAPE: 32,
  /** A field of such an object whose key is the empty text, which hardly anybody uses but who wants to be dear. */
  EMPTY_KEY: 2,
  /** A field of such an object whose key is a number. */
  INDEX_FIELD: 24,
  /** A key of a larger object that one before it had. */
  KNOWN_KEY: 4,
  /** A key that no larger object before it had; a short one; one that looks like an index but is above those of arrays. */
  NEW_KEY: 10,
  NEW_SHORT_KEY: 16,
  NEW_NUMBER_KEY: 22,
  /** One that is an index. */
  NEW_INDEX_KEY: 7,
  /** The key `__proto__`, in any object. */
  PROTOTYPE_KEY: 64,
  /** An array, without its elements. */
  ARRAY: 4,
  /** And if it has up to `MANY_FIELDS` holes in a row, with 1 for each of them. */
  HOLES: 2,
  /** A field of an array. */
  ARRAY_FIELD: 40,
  /** An array that is a hash table, and each of its elements. */
  SPARSE_ARRAY: 64,
  SPARSE_ELEMENT: 16,
  NULL_OBJECT: 12,
  /** A Map or Set; each of its entries; one whose key is a short text. */
  COLLECTION: 6,
  ENTRY: 4,
  TEXT_ENTRY: 6,
  /** An object that is a key of a Map or a member of a Set. */
  IDENTITY: 8,
  /** A bigint that is not an int64 token. */
  BIGINT: 8,
  DATE: 6,
  REGEXP: 64,
  BYTES: 10,
  VIEW: 24,
  /** An `ArrayBuffer`; and what a `DataView` costs beyond a view. */
  BUFFER: 40,
  DATA_VIEW: 24,
  BOXED: 24,
  URL: 120,
  ERROR: 100,
  /** And if its class is none of the simple ones of the language. */
  RARE_ERROR: 100,
  /** A field of an error that is not enumerable. */
  HIDDEN_FIELD: 32,
  INSTANCE: 16,
  /** A callable is made for one that has not come before, and one looks like the other here. */
  ROUTINE: 192,
  SIGNAL: 256,
  FLOW: 256,
  /** Headers, and each of them; a form, and each of its entries. */
  HEADERS: 160,
  HEADER: 12,
  FORM: 32,
  FORM_ENTRY: 6,
  /** Also of a file. */
  BLOB: 560,
  /** Without its headers and its body. */
  REQUEST: 2000,
  RESPONSE: 600,
  /** An object of `Intl`; and what more those of some classes cost. */
  INTL: 1000,
  INTL_DATES: 12_000,
  TEMPORAL: 160,
} as const;

/** Extensions with values in them, which the audit goes on to; the content of others has no price of its own. */
export const HOLDING_VALUES: ReadonlySet<number> = new Set([
  Extension.MAP,
  Extension.SET,
  Extension.ARRAY_WITH_FIELDS,
  Extension.NULL_OBJECT,
  Extension.VIEW,
  Extension.BOXED,
  Extension.ERROR,
  Extension.INSTANCE,
  Extension.FILE,
  Extension.BLOB,
  Extension.HEADERS,
  Extension.FORM_DATA,
  Extension.REQUEST,
  Extension.RESPONSE,
  Extension.INTL,
  Extension.TEMPORAL,
]);

/** What each extension costs, without what is in it. One that is not listed ends the audit. */
export const EXTENSION_PRICES: readonly (number | undefined)[] = tableOf([
  [Extension.UNDEFINED, 0],
  [Extension.REFERENCE, 0],
  [Extension.UTF16, 0],
  [Extension.LATIN1, 0],
  [Extension.BIGINT, Price.BIGINT],
  [Extension.DATE, Price.DATE],
  [Extension.REGEXP, Price.REGEXP],
  [Extension.MAP, Price.COLLECTION],
  [Extension.SET, Price.COLLECTION],
  [Extension.ARRAY_WITH_FIELDS, Price.ARRAY],
  [Extension.NULL_OBJECT, Price.NULL_OBJECT],
  [Extension.BUFFER, Price.BUFFER],
  [Extension.VIEW_BYTES, Price.VIEW],
  [Extension.PART, Price.VIEW],
  [Extension.VIEW, Price.VIEW],
  [Extension.BOXED, Price.BOXED],
  [Extension.URL, Price.URL],
  [Extension.URL_SEARCH_PARAMS, Price.URL],
  [Extension.ERROR, Price.ERROR],
  [Extension.INSTANCE, Price.INSTANCE],
  [Extension.CLASS, Price.INSTANCE],
  [Extension.ROUTINE, Price.ROUTINE],
  [Extension.TAINTED_ROUTINE, Price.ROUTINE],
  [Extension.SIGNAL, Price.SIGNAL],
  [Extension.FLOW, Price.FLOW],
  [Extension.VIEW_PART, Price.VIEW],
  [Extension.CLASS_OF_COPY, Price.INSTANCE],
  // No payload from a network holds one that can be read.
  [Extension.ATTACHMENT, Price.INSTANCE],
  [Extension.FILE, Price.INSTANCE],
  [Extension.BLOB, Price.BLOB],
  [Extension.HEADERS, Price.HEADERS],
  [Extension.FORM_DATA, Price.FORM],
  [Extension.REQUEST, Price.REQUEST],
  [Extension.RESPONSE, Price.RESPONSE],
  [Extension.INTL, Price.INTL],
  [Extension.TEMPORAL, Price.TEMPORAL],
]);

function tableOf(rows: readonly (readonly [type: number, value: number])[]): readonly number[] {
  const table: number[] = [];
  for (const [type, value] of rows) table[type] = value;
  return table;
}
