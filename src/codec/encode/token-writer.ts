/**
 * Writes MessagePack tokens into slabs of memory. Owns the arena: bytes once finished are never written
 * again, so a finished range may be kept for as long as wished without copying. Knows nothing about
 * objects, references or what a value means.
 */
import { Extension } from "../format.ts";

const SLAB_BYTES = 65_536;
/** How much memory a writer keeps for long messages that may be overwritten. */
const LARGEST_KEPT_BYTES = 4 * 1024 * 1024;
/** Up to this many characters a loop in JavaScript is quicker than a call into the engine's encoder. */
const LOOP_CHARACTERS = 40;
const MAX_SHORT_STRING = 31;

const BEYOND_LATIN1 = /[^\0-\xff]/;

const utf8 = new TextEncoder();
const INT64_BYTES = new DataView(new ArrayBuffer(8));
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** A cursor over the arena. `start` is where the message under way begins, `position` where the next byte goes. */
export class TokenWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  view: DataView = new DataView(this.bytes.buffer);
  start = 0;
  position = 0;
  limit: number = SLAB_BYTES;
  /** Whether memory for a long message may be that of the long one before it. */
  overwrites = false;
  #slab: Buffer = this.bytes;
  #slabPosition = 0;
  /** Memory for long messages that may be overwritten. */
  #large: Buffer | undefined;

  /** Begins a message in the current slab. */
  begin(): void {
    if (this.bytes !== this.#slab) this.#use(this.#slab);
    this.start = this.#slabPosition;
    this.position = this.#slabPosition;
  }

  /** Ends the message: its bytes are never written again. An oversized one keeps its memory for itself. */
  finish(): void {
    if (this.bytes === this.#slab) this.#slabPosition = this.position;
  }

  /** Makes room for `lengthBytes` more. May move the message under way, so absolute positions do not survive it. */
  reserve(lengthBytes: number): void {
    if (this.position + lengthBytes > this.limit) this.#grow(lengthBytes);
  }

  #grow(lengthBytes: number): void {
    const written = this.position - this.start;
    const needed = written + lengthBytes;
    const oversized = needed > SLAB_BYTES;
    const next = oversized ? this.#oversized(needed, written) : Buffer.allocUnsafeSlow(SLAB_BYTES);
    next.set(this.bytes.subarray(this.start, this.position));
    if (!oversized) {
      this.#slab = next;
      this.#slabPosition = 0;
    }
    this.#use(next);
    this.start = 0;
    this.position = written;
  }

  #oversized(needed: number, written: number): Buffer {
    if (this.overwrites && this.#large !== undefined && needed <= this.#large.length) return this.#large;
    // Half as much again as there was: one large text or buffer makes no others likely.
    const next = Buffer.allocUnsafeSlow(needed + (written >>> 1) + SLAB_BYTES);
    if (this.overwrites && next.length <= LARGEST_KEPT_BYTES) this.#large = next;
    return next;
  }

  #use(bytes: Buffer): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
    this.limit = bytes.length;
  }

  writeByte(byte: number): void {
    this.reserve(1);
    this.bytes[this.position++] = byte;
  }

  writeNumber(value: number): void {
    this.reserve(9);
    const bytes = this.bytes;
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      if (value >= 0) {
        if (value < 0x80) {
          bytes[this.position++] = value;
        } else if (value < 0x100) {
          bytes[this.position++] = 0xcc;
          bytes[this.position++] = value;
        } else if (value < 0x10000) {
          bytes[this.position++] = 0xcd;
          bytes[this.position++] = value >>> 8;
          bytes[this.position++] = value;
        } else {
          bytes[this.position] = 0xce;
          this.view.setUint32(this.position + 1, value);
          this.position += 5;
        }
      } else if (value >= -0x20) {
        bytes[this.position++] = value;
      } else if (value >= -0x80) {
        bytes[this.position++] = 0xd0;
        bytes[this.position++] = value;
      } else if (value >= -0x8000) {
        bytes[this.position] = 0xd1;
        this.view.setInt16(this.position + 1, value);
        this.position += 3;
      } else {
        bytes[this.position] = 0xd2;
        this.view.setInt32(this.position + 1, value);
        this.position += 5;
      }
    } else {
      bytes[this.position] = 0xcb;
      this.view.setFloat64(this.position + 1, value);
      this.position += 9;
    }
  }

  /** A bigint of 64 bits is an int64 token, which numbers never use; a wider one is sign and magnitude. */
  writeBigInt(value: bigint): void {
    if (value >= MIN_INT64 && value <= MAX_INT64) {
      this.reserve(9);
      this.bytes[this.position] = 0xd3;
      INT64_BYTES.setBigInt64(0, value);
      this.view.setUint32(this.position + 1, INT64_BYTES.getUint32(0));
      this.view.setUint32(this.position + 5, INT64_BYTES.getUint32(4));
      this.position += 9;
      return;
    }
    const negative = value < 0n;
    // Radix 16 is linear in both directions; a loop of shifts would be quadratic.
    const digits = (negative ? -value : value).toString(16);
    const lengthBytes = (digits.length + 1) >>> 1;
    this.writeExtensionHead(Extension.BIGINT, lengthBytes + 1);
    this.bytes[this.position] = negative ? 1 : 0;
    this.bytes.write(digits.length % 2 === 0 ? digits : `0${digits}`, this.position + 1, lengthBytes, "hex");
    this.position += lengthBytes + 1;
  }

  writeString(value: string): void {
    const length = value.length;
    if (length > LOOP_CHARACTERS) {
      this.#writeLongString(value, length);
      return;
    }
    this.reserve(LOOP_CHARACTERS + 2);
    const bytes = this.bytes;
    let position = this.position;
    if (length <= MAX_SHORT_STRING) {
      bytes[position++] = 0xa0 | length;
    } else {
      bytes[position++] = 0xd9;
      bytes[position++] = length;
    }
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) {
        this.#writeLongString(value, length);
        return;
      }
      bytes[position++] = code;
    }
    this.position = position;
  }

  /** A string, or nil for none. */
  writeOptionalString(value: string | undefined): void {
    if (value === undefined) this.writeByte(0xc0);
    else this.writeString(value);
  }

  #writeLongString(value: string, length: number): void {
    if (!value.isWellFormed()) {
      this.#writeIllFormed(value, length);
      return;
    }
    // Three bytes per character is the most; counting first only pays if that would waste much memory.
    const bound = length <= 4096 ? length * 3 : Buffer.byteLength(value, "utf8");
    this.reserve(bound + 5);
    const bytes = this.bytes;
    const head = this.position;
    const headBytes = bound < 0x20 ? 1 : bound < 0x100 ? 2 : bound < 0x10000 ? 3 : 5;
    const written =
      bound <= 4096 * 3
        ? bytes.write(value, head + headBytes, bound, "utf8")
        : utf8.encodeInto(value, bytes.subarray(head + headBytes, head + headBytes + bound)).written;
    if (headBytes === 1) {
      bytes[head] = 0xa0 | written;
    } else if (headBytes === 2) {
      bytes[head] = 0xd9;
      bytes[head + 1] = written;
    } else if (headBytes === 3) {
      bytes[head] = 0xda;
      this.view.setUint16(head + 1, written);
    } else {
      bytes[head] = 0xdb;
      this.view.setUint32(head + 1, written);
    }
    this.position = head + headBytes + written;
  }

  /** A text as its code units: in Latin-1 where that has them all, else in UTF-16. */
  writeTextUnits(value: string): void {
    const { length } = value;
    // Of a string that the engine keeps in Latin-1, as it does most, this looks at nothing.
    const isWide = BEYOND_LATIN1.test(value);
    const lengthBytes = isWide ? length * 2 : length;
    this.writeExtensionHead(isWide ? Extension.UTF16 : Extension.LATIN1, lengthBytes);
    this.bytes.write(value, this.position, lengthBytes, isWide ? "utf16le" : "latin1");
    this.position += lengthBytes;
  }

  /** UTF-8 has no form for a surrogate without its partner: the string travels as its UTF-16 code units. */
  #writeIllFormed(value: string, length: number): void {
    this.writeExtensionHead(Extension.UTF16, length * 2);
    this.bytes.write(value, this.position, length * 2, "utf16le");
    this.position += length * 2;
  }

  /** The head of an extension whose length is known, and room for its body. */
  writeExtensionHead(type: number, lengthBytes: number): void {
    this.reserve(lengthBytes + 6);
    const bytes = this.bytes;
    if (lengthBytes < 0x100) {
      bytes[this.position++] = 0xc7;
      bytes[this.position++] = lengthBytes;
    } else {
      bytes[this.position] = 0xc9;
      this.view.setUint32(this.position + 1, lengthBytes);
      this.position += 5;
    }
    bytes[this.position++] = type;
  }

  /** Opens an extension whose length is not known yet. @returns What {@link closeExtension} needs. */
  openExtension(type: number): number {
    this.reserve(6);
    const offset = this.position - this.start;
    this.bytes[this.position] = 0xc9;
    this.bytes[this.position + 5] = type;
    this.position += 6;
    return offset;
  }

  closeExtension(offset: number): void {
    const head = this.start + offset;
    this.view.setUint32(head + 1, this.position - head - 6);
  }

  /** An extension that holds one unsigned number of up to 32 bits, as short as it gets. */
  writeNumberExtension(type: number, value: number): void {
    this.reserve(6);
    const bytes = this.bytes;
    const wide = value > 0xffff;
    const middle = value > 0xff;
    bytes[this.position] = wide ? 0xd6 : middle ? 0xd5 : 0xd4;
    bytes[this.position + 1] = type;
    if (wide) this.view.setUint32(this.position + 2, value);
    else if (middle) this.view.setUint16(this.position + 2, value);
    else bytes[this.position + 2] = value;
    this.position += wide ? 6 : middle ? 4 : 3;
  }

  /** Copies raw bytes. The head is already written. */
  writeRaw(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.position);
    this.position += source.length;
  }

  writeArrayHead(length: number): void {
    this.reserve(5);
    if (length < 16) {
      this.bytes[this.position++] = 0x90 | length;
    } else if (length < 0x10000) {
      this.bytes[this.position] = 0xdc;
      this.view.setUint16(this.position + 1, length);
      this.position += 3;
    } else {
      this.bytes[this.position] = 0xdd;
      this.view.setUint32(this.position + 1, length);
      this.position += 5;
    }
  }

  writeBinaryHead(lengthBytes: number): void {
    this.reserve(lengthBytes + 5);
    if (lengthBytes < 0x100) {
      this.bytes[this.position++] = 0xc4;
      this.bytes[this.position++] = lengthBytes;
    } else if (lengthBytes < 0x10000) {
      this.bytes[this.position] = 0xc5;
      this.view.setUint16(this.position + 1, lengthBytes);
      this.position += 3;
    } else {
      this.bytes[this.position] = 0xc6;
      this.view.setUint32(this.position + 1, lengthBytes);
      this.position += 5;
    }
  }

  /** Opens a map whose size is not known yet, as one of at most 15 entries. */
  openMap(): number {
    this.writeByte(0x80);
    return this.position - this.start - 1;
  }

  /**
   * Notes that `count` entries are about to be exceeded: moves what is written to make room for a longer head.
   * Called when the 16th and when the 65 536th entry begins, so each map moves at most twice.
   */
  widenMap(offset: number, count: number): void {
    this.reserve(2);
    const head = this.start + offset;
    const headBytes = count <= 16 ? 1 : 3;
    this.bytes.copyWithin(head + headBytes + 2, head + headBytes, this.position);
    this.position += 2;
  }

  closeMap(offset: number, count: number): void {
    const head = this.start + offset;
    if (count < 16) {
      this.bytes[head] = 0x80 | count;
    } else if (count < 0x10000) {
      this.bytes[head] = 0xde;
      this.view.setUint16(head + 1, count);
    } else {
      this.bytes[head] = 0xdf;
      this.view.setUint32(head + 1, count);
    }
  }
}
