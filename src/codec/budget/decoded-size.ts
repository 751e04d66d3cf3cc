/**
 * What values take up in memory that have no price, because they cost no more time than their bytes. An array of small
 * numbers takes up eight times its length; what has a price takes up what `PRICE_BYTES` says, in addition.
 */

/** About what the values of a payload take up once they are made, in bytes. */
export interface DecodedSize {
  /** In the heap, at most. */
  readonly objectBytes: number;
  /** In memory of their own. */
  readonly binaryBytes: number;
}

/** In bytes, as V8 has it without compressed pointers. */
export const ElementBytes = {
  /** The place of a value in whatever holds it. */
  PLACE: 8,
  /** A number that is no small integer, where it has an object of its own. */
  NUMBER: 16,
  /** A text, beside its characters; rounded up. */
  TEXT: 24,
  /** A byte of a longer text: two, if only one of its characters is beyond Latin-1. */
  CHARACTER: 2,
  /** A Map or Set, whose price is that of less. */
  COLLECTION: 64,
  /** A field of an object that is a hash table. */
  FIELD: 64,
} as const;
