/**
 * Reads MessagePack tokens from untrusted bytes. Owns bounds checks and strings; allocates no more than the
 * bytes that are there can need. Every failure is a {@link PayloadError} that names an offset and never
 * quotes what was read.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { PayloadError } from "../../errors/payload-error.ts";
import { Extension, UNIT_TEXT_LENGTH } from "../format.ts";
import { cachedKey, cacheKey, LONGEST_CACHED_BYTES, slotOf } from "./key-cache.ts";
import { shortAscii, shortUtf8, shortUtf16 } from "./short-text.ts";
import { isSpecialKey, lookForSpecialKeys } from "./special-keys.ts";

/** The engine puts texts of more characters together only when they are used, which makes a key of one dear. */
const SHORT_TEXT_BYTES = 12;
const SHORT_UTF16_BYTES = 16;
/** Longer text in Latin-1 is kept by Node outside the heap, in memory that only a full collection gives back. */
const LONGEST_INSIDE = 1_031_913;
const MAX_INDEX_DIGITS = 9;
const REPLACEMENT = "\ufffd";
const EMPTY: Buffer = Buffer.alloc(0);

const scratchBytes = new Uint8Array(8);
const scratchView = new DataView(scratchBytes.buffer);

/** A cursor over one payload. */
export class TokenReader {
  bytes: Buffer = EMPTY;
  start = 0;
  position = 0;
  end = 0;
  /** The key last read is one that must be defined, not assigned. */
  dangerousKey = false;
  /** How many keys of this payload had not been met, or been forgotten. */
  newKeys = 0;
  /** Whether it has been found out for this payload which keys those are. */
  #knowsSpecialKeys = false;

  /** Points the reader at a range. The bytes are never written to. */
  open(bytes: Uint8Array, start: number, end: number): void {
    if (!(start >= 0 && start <= end && end <= bytes.length))
      throw new PayloadError("Cannot decode: no such range");
    this.bytes = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.start = start;
    this.position = start;
    this.end = end;
    this.newKeys = 0;
    this.#knowsSpecialKeys = false;
  }

  /** Releases the memory that was read. */
  close(): void {
    this.bytes = EMPTY;
  }

  /** Fails at the current position: the bytes are no value. */
  fail(why: string): never {
    throw this.#error(why, true);
  }

  /** Fails at the current position: the bytes may be a value, but not here. */
  failHere(why: string): never {
    throw this.#error(why, false);
  }

  #error(why: string, malformed: boolean): PayloadError {
    return new PayloadError(`Cannot decode the payload at byte ${this.position - this.start}: ${why}`, {
      malformed,
    });
  }

  /** Checks that so many bytes are there. */
  need(lengthBytes: number): void {
    if (lengthBytes > this.end - this.position) this.fail("it ends too early");
  }

  readByte(): number {
    if (this.position >= this.end) this.fail("it ends too early");
    return this.bytes[this.position++] as number;
  }

  readUint16(): number {
    this.need(2);
    const { bytes, position } = this;
    this.position = position + 2;
    return ((bytes[position] as number) << 8) | (bytes[position + 1] as number);
  }

  readUint32(): number {
    this.need(4);
    const { bytes, position } = this;
    this.position = position + 4;
    const high = ((bytes[position] as number) << 8) | (bytes[position + 1] as number);
    return high * 0x10000 + (((bytes[position + 2] as number) << 8) | (bytes[position + 3] as number));
  }

  readFloat64(): number {
    return this.#scratch(8).getFloat64(0);
  }

  /** The body of an int64 or uint64 token, which stand for bigints. @param token `0xcf` or `0xd3`. */
  readInt64(token: number): bigint {
    const scratch = this.#scratch(8);
    return token === 0xd3 ? scratch.getBigInt64(0) : scratch.getBigUint64(0);
  }

  /** Copies a few bytes to where they can be read as a number: a view of the whole message costs more. */
  #scratch(lengthBytes: number): DataView {
    this.need(lengthBytes);
    for (let index = 0; index < lengthBytes; index++) {
      scratchBytes[index] = this.bytes[this.position++] as number;
    }
    return scratchView;
  }

  /** A number token; anything else fails. */
  readNumber(): number {
    const token = this.readByte();
    return token < 0x80 ? token : token >= 0xe0 ? token - 0x100 : this.readNumberBody(token);
  }

  /** The rest of a number token that is longer than its first byte. */
  readNumberBody(token: number): number {
    switch (token) {
      case 0xca:
        return this.#scratch(4).getFloat32(0);
      case 0xcb:
        return this.readFloat64();
      case 0xcc:
        return this.readByte();
      case 0xcd:
        return this.readUint16();
      case 0xce:
        return this.readUint32();
      case 0xd0:
        return (this.readByte() << 24) >> 24;
      case 0xd1:
        return (this.readUint16() << 16) >> 16;
      case 0xd2:
        return this.readUint32() | 0;
      default:
        return this.fail("a number was expected");
    }
  }

  /** A whole number from 0 to 2^53 − 1; anything else fails. */
  readCount(): number {
    const count = this.readNumber();
    if (!Number.isSafeInteger(count) || count < 0) this.fail("a count was expected");
    return count;
  }

  /** A string token, well-formed or not; anything else fails. */
  readString(): string {
    const token = this.readByte();
    if (token >= 0xa0 && token <= 0xbf) return this.readText(token & 0x1f);
    if (token === 0xd9) return this.readText(this.readByte());
    if (token === 0xda) return this.readText(this.readUint16());
    if (token === 0xdb) return this.readText(this.readUint32());
    const length = this.extensionLength(token);
    if (length !== undefined && this.readByte() === Extension.UTF16) return this.readUtf16(length);
    return this.fail("a string was expected");
  }

  /** A string token, or `undefined` for nil; anything else fails. */
  readOptionalString(): string | undefined {
    if (this.position < this.end && this.bytes[this.position] === 0xc0) {
      this.position++;
      return undefined;
    }
    return this.readString();
  }

  /** The key of a map entry. Sets {@link dangerousKey}. */
  readKey(): string {
    const { bytes, position } = this;
    if (position < this.end) {
      const length = (bytes[position] as number) ^ 0xa0;
      if (length <= LONGEST_CACHED_BYTES && position + length < this.end) {
        const slot = slotOf(bytes, position + 1, length);
        const known = cachedKey(slot, bytes, position + 1, length);
        if (known !== undefined) {
          this.position = position + 1 + length;
          this.dangerousKey = false;
          return known;
        }
        this.newKeys++;
        const key = this.readNewKey();
        cacheKey(slot, key, bytes, position + 1, length);
        return key;
      }
    }
    return this.readNewKey();
  }

  /** Whether the key that comes next has been met. */
  isKnownKeyNext(): boolean {
    const { bytes, position } = this;
    const length = (bytes[position] as number) ^ 0xa0;
    if (length > LONGEST_CACHED_BYTES || position + length >= this.end) return false;
    const slot = slotOf(bytes, position + 1, length);
    return cachedKey(slot, bytes, position + 1, length) !== undefined;
  }

  /** The key of a map entry which is likely to be one that has not been met. Sets {@link dangerousKey}. */
  readNewKey(): string {
    if (!this.#knowsSpecialKeys) {
      lookForSpecialKeys();
      this.#knowsSpecialKeys = true;
    }
    const key = this.readString();
    this.dangerousKey = isSpecialKey(key);
    return key;
  }

  /**
   * The key of a map entry, if it is a number of up to nine digits as an array would have for an index: the
   * engine need not find that out from the text. Else −1, and nothing has been read.
   */
  readIndexKey(): number {
    const at = this.position;
    const length = (this.bytes[at] as number) ^ 0xa0;
    if (length === 0 || length > MAX_INDEX_DIGITS || at + length >= this.end) return -1;
    const first = (this.bytes[at + 1] as number) - 0x30;
    if (first < 0 || first > 9 || (first === 0 && length > 1)) return -1;
    let index = first;
    for (let digit = 2; digit <= length; digit++) {
      const value = (this.bytes[at + digit] as number) - 0x30;
      if (value < 0 || value > 9) return -1;
      index = index * 10 + value;
    }
    this.position = at + 1 + length;
    return index;
  }

  /** UTF-8 text of a known length. */
  readText(lengthBytes: number): string {
    if (lengthBytes === 0) return "";
    if (lengthBytes > this.end - this.position) this.fail("it ends too early");
    const from = this.position;
    this.position = from + lengthBytes;
    if (lengthBytes <= SHORT_TEXT_BYTES) {
      const short = shortAscii(this.bytes, from, lengthBytes) ?? shortUtf8(this.bytes, from, lengthBytes);
      if (short !== undefined) return short;
    }
    const text = this.bytes.toString("utf8", from, this.position);
    // The engine replaces what is not UTF-8; only then, or for a genuine U+FFFD, is a second look needed.
    if (text.includes(REPLACEMENT) && !isUtf8(this.bytes.subarray(from, this.position)))
      this.fail("a string is not UTF-8");
    return text;
  }

  /** Text in UTF-16: long, or with unpaired surrogates. */
  readUtf16(lengthBytes: number): string {
    this.need(lengthBytes);
    if (lengthBytes % 2 !== 0) this.fail("a string has half a character");
    const from = this.position;
    this.position = from + lengthBytes;
    const text =
      lengthBytes <= SHORT_UTF16_BYTES
        ? shortUtf16(this.bytes, from, lengthBytes)
        : this.bytes.toString("utf16le", from, this.position);
    // A short text has one form only: an index in another one would be none to the audit of the payload.
    if (lengthBytes < 2 * UNIT_TEXT_LENGTH && text.isWellFormed())
      this.fail("a short string is not in UTF-8");
    return text;
  }

  /** Long text in Latin-1. */
  readLatin1(lengthBytes: number): string {
    this.need(lengthBytes);
    if (lengthBytes < UNIT_TEXT_LENGTH) this.fail("a short string is not in UTF-8");
    const from = this.position;
    this.position = from + lengthBytes;
    return this.bytes.toString(
      this.#isReadInside(lengthBytes, from) ? "utf8" : "latin1",
      from,
      this.position,
    );
  }

  /**
   * Whether Latin-1 is read as UTF-8: most long text is ASCII, which is the same in both, and inside the heap if it is read
   * so. That takes three times as long. From a thread no parts have come, of which young garbage would be collected: full
   * collections are rare there, and cost less.
   */
  #isReadInside(lengthBytes: number, from: number): boolean {
    if (lengthBytes <= LONGEST_INSIDE || this.bytes.buffer instanceof SharedArrayBuffer) return false;
    return isAscii(this.bytes.subarray(from, this.position));
  }

  /** A bigint of more than 64 bits: sign and magnitude. */
  readWideBigInt(lengthBytes: number): bigint {
    this.need(lengthBytes);
    if (lengthBytes < 2) this.fail("a bigint has no digits");
    const sign = this.readByte();
    if (sign > 1) this.fail("a bigint has no sign");
    const magnitude = this.#readMagnitude(lengthBytes - 1);
    return sign === 1 ? -magnitude : magnitude;
  }

  #readMagnitude(lengthBytes: number): bigint {
    if (lengthBytes <= 4) {
      let magnitude = 0;
      for (let index = 0; index < lengthBytes; index++) magnitude = magnitude * 0x100 + this.readByte();
      return BigInt(magnitude);
    }
    const from = this.position;
    this.position += lengthBytes;
    return BigInt(`0x${this.bytes.toString("hex", from, this.position)}`);
  }

  /** The length of an extension's body, checked to be there, or `undefined` if the token opens none. Its type byte comes next. */
  extensionLength(token: number): number | undefined {
    let length: number;
    if (token >= 0xd4 && token <= 0xd8) length = 1 << (token - 0xd4);
    else if (token === 0xc7) length = this.readByte();
    else if (token === 0xc8) length = this.readUint16();
    else if (token === 0xc9) length = this.readUint32();
    else return undefined;
    this.need(length + 1);
    return length;
  }

  /** The unsigned number that fills the body of an extension. */
  readNumberOf(lengthBytes: number): number {
    if (lengthBytes === 1) return this.readByte();
    if (lengthBytes === 2) return this.readUint16();
    if (lengthBytes === 4) return this.readUint32();
    return this.fail("a number has an odd size");
  }
}
