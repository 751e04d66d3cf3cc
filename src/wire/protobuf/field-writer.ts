/**
 * Builds the bytes of one rarely sent message field by field; the counterpart of the field scanner.
 * The frames of every call are not written with it but straight into their batch.
 */
import { Buffer } from "node:buffer";
import { EntryTag } from "./entry-tag.ts";
import { textSize, writeText } from "./text.ts";
import { varintSize, writeVarint } from "./varint.ts";

/**
 * Appends fields; absent values (0, `""`, no bytes) are left out, as proto3 wants. Each method names the field by its
 * tag, whose wire type must be that of the method.
 */
export class FieldWriter {
  #bytes: Buffer = Buffer.allocUnsafe(128);
  #position = 0;

  /** Appends a number: an integer between 0 and 2^53 - 1. */
  uint(tag: number, value: number): this {
    if (value === 0) return this;
    this.#reserve(16);
    this.#position = writeVarint(this.#bytes, this.#position, tag);
    this.#position = writeVarint(this.#bytes, this.#position, value);
    return this;
  }

  /** Appends a boolean; false is left out. */
  flag(tag: number, value: boolean): this {
    return this.uint(tag, value ? 1 : 0);
  }

  /** Appends a number in single precision; 0 is left out. */
  float(tag: number, value: number): this {
    if (value === 0) return this;
    this.#reserve(12);
    this.#position = writeVarint(this.#bytes, this.#position, tag);
    this.#position = this.#bytes.writeFloatLE(value, this.#position);
    return this;
  }

  /** Appends a number in double precision; 0 is left out. */
  double(tag: number, value: number): this {
    if (value === 0) return this;
    this.#reserve(16);
    this.#position = writeVarint(this.#bytes, this.#position, tag);
    this.#position = this.#bytes.writeDoubleLE(value, this.#position);
    return this;
  }

  /** Appends a list of numbers, packed. */
  packed(tag: number, values: readonly number[]): this {
    const list = new FieldWriter();
    for (const value of values) {
      list.#reserve(8);
      list.#position = writeVarint(list.#bytes, list.#position, value);
    }
    return this.bytes(tag, list.finish());
  }

  /** Appends a string. */
  text(tag: number, value: string): this {
    return value === "" ? this : this.element(tag, value);
  }

  /** Appends a string of a list, where an empty one counts. */
  element(tag: number, value: string): this {
    const size = textSize(value);
    this.#head(tag, size);
    this.#position = writeText(this.#bytes, this.#position, value);
    return this;
  }

  /** Appends a map from strings to strings, an entry for every own property. */
  entries(tag: number, map: Readonly<Record<string, string>>): this {
    for (const [key, value] of Object.entries(map)) {
      this.bytes(tag, new FieldWriter().element(EntryTag.Key, key).element(EntryTag.Value, value).finish());
    }
    return this;
  }

  /** Appends bytes or an encoded message. */
  bytes(tag: number, value: Uint8Array): this {
    return value.length === 0 ? this : this.presentBytes(tag, value);
  }

  /** Appends bytes of an optional field, where empty ones are not the same as none. */
  presentBytes(tag: number, value: Uint8Array): this {
    this.#head(tag, value.length);
    this.#bytes.set(value, this.#position);
    this.#position += value.length;
    return this;
  }

  /** The message so far; the writer is not used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#position);
  }

  #head(tag: number, length: number): void {
    this.#reserve(8 + varintSize(length) + length);
    this.#position = writeVarint(this.#bytes, this.#position, tag);
    this.#position = writeVarint(this.#bytes, this.#position, length);
  }

  #reserve(length: number): void {
    const wanted = this.#position + length;
    if (wanted <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(wanted * 2);
    grown.set(this.#bytes.subarray(0, this.#position));
    this.#bytes = grown;
  }
}
