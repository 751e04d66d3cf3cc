/**
 * Walks the fields of protobuf messages in place, without allocating and without throwing: the first problem
 * sticks, every loop over {@link FieldScanner.tag} ends, and the owner looks at `problem` once. It knows the
 * encoding only; which fields a message has is up to its reader.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";
import { EntryTag } from "./entry-tag.ts";
import { isText, readText } from "./text.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
const ENTRY_FIELDS = fieldNumbers(EntryTag);
/** The problem of a known field that is encoded as another type. */
export const WRONG_TYPE = "a known field has the wrong wire type";
/** The problem of a message that may occur once and occurs again. */
export const TWICE = "a message occurs twice";
const CUT_OFF = "a number is cut off";
const TOO_LONG = "a number is longer than ten bytes";
/** Beyond any `end`, so that no loop reads on after a problem. */
const STOPPED = 0x7fffffff;

/** A cursor over the fields of one message and of those nested in it. */
export class FieldScanner {
  bytes: Uint8Array = NOTHING;
  /** The next byte to read. */
  position = 0;
  /** The end of the message being read. */
  end = 0;
  /** Where the string read last begins. */
  textStart = 0;
  /** The fault of the bytes; `""` while there is none. */
  problem = "";

  /** Starts over with the message in the given range. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
    this.problem = "";
  }

  /** Records the first problem and stops the scan. */
  fail(problem: string): void {
    if (this.problem === "") this.problem = problem;
    this.position = STOPPED;
  }

  /** Reads the tag of the next field, `number << 3 | wire type`; 0 at the end of the message. */
  tag(): number {
    if (this.position >= this.end) return 0;
    const first = this.bytes[this.position] as number;
    if (first > 7 && first < 0x80) {
      this.position++;
      return first;
    }
    const tag = this.#varint();
    if (this.problem !== "") return 0;
    if (tag < 8 || tag > 0xffffffff) {
      this.fail("a field number is out of range");
      return 0;
    }
    return tag;
  }

  /** Reads a number between 0 and 2^53 - 1; a larger one is a problem. */
  uint53(): number {
    const position = this.position;
    if (position < this.end) {
      const first = this.bytes[position] as number;
      if (first < 0x80) {
        this.position = position + 1;
        return first;
      }
    }
    const value = this.#varint();
    if (value > Number.MAX_SAFE_INTEGER) {
      this.fail("a number is above 2^53 - 1");
      return 0;
    }
    return value;
  }

  /** Reads a number between 0 and 2^32 - 1; a larger one is a problem. */
  uint32(): number {
    const value = this.uint53();
    if (value > 0xffffffff) {
      this.fail("a number is above 2^32 - 1");
      return 0;
    }
    return value;
  }

  /** Reads an enum's number; 0, the unspecified one, for a number that no enum can hold. */
  enumeration(): number {
    const value = this.#varint();
    return value > 0x7fffffff ? 0 : value;
  }

  /** Reads a boolean. */
  flag(): boolean {
    return this.#varint() !== 0;
  }

  /** Reads a number between -2^31 and 2^31 - 1; of a longer number the low 32 bits, as protobuf does. */
  int32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.position >= this.end) {
        this.fail(CUT_OFF);
        return 0;
      }
      const byte = this.bytes[this.position++] as number;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.fail(TOO_LONG);
    return 0;
  }

  /** Reads a number of single precision, NaN and the infinities included. */
  float(): number {
    return this.#advance(4) ? this.#view().getFloat32(this.position - 4, true) : 0;
  }

  /** Reads a number of double precision, NaN and the infinities included. */
  double(): number {
    return this.#advance(8) ? this.#view().getFloat64(this.position - 8, true) : 0;
  }

  /** Reads an entry of a map from strings to strings; a key or value that it leaves out is `""`. */
  entry(): [key: string, value: string] {
    const entry: [string, string] = ["", ""];
    const outer = this.enter();
    for (let tag = this.tag(); tag !== 0; tag = this.tag()) {
      if (tag === EntryTag.Key) entry[0] = this.text();
      else if (tag === EntryTag.Value) entry[1] = this.text();
      else this.skipUnknown(tag, ENTRY_FIELDS);
    }
    this.leave(outer);
    return entry;
  }

  /** Reads the length of a string, of bytes or of a message, which then starts at `position`. */
  length(): number {
    const length = this.uint53();
    if (length > this.end - this.position) {
      this.fail("a field is longer than its message");
      return 0;
    }
    return length;
  }

  /**
   * Reads a string.
   *
   * @param maxBytes Of a longer text the beginning is read, with an ellipsis: a peer's texts about itself end
   *   up in errors and logs. Default: no limit.
   */
  text(maxBytes: number = Number.POSITIVE_INFINITY): string {
    if (!this.skipText()) return "";
    if (this.position - this.textStart <= maxBytes) {
      return readText(this.bytes, this.textStart, this.position);
    }
    return `${readText(this.bytes, this.textStart, this.textStart + maxBytes)}…`;
  }

  /**
   * Skips a string, from `textStart` to `position`, that is valid UTF-8; another is a problem.
   *
   * @returns Whether it could be read.
   */
  skipText(): boolean {
    const length = this.length();
    if (this.problem !== "") return false;
    this.textStart = this.position;
    const end = this.position + length;
    if (!isText(this.bytes, this.position, end)) {
      this.fail("a string is not valid UTF-8");
      return false;
    }
    this.position = end;
    return true;
  }

  /**
   * Skips a field that the reader does not know.
   *
   * @param known Numbers of the fields that it reads: one of them has come with the wrong wire type.
   */
  skipUnknown(tag: number, known: ReadonlySet<number>): void {
    if (known.has(tag >>> 3)) this.fail(WRONG_TYPE);
    else this.skip(tag);
  }

  /** Skips a field whatever its number. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.#varint();
        return;
      case 1:
        this.#advance(8);
        return;
      case 2:
        this.#advance(this.length());
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        this.fail("a field has a wire type that proto3 does not use");
    }
  }

  /**
   * Reads the length of a nested message and narrows the scan to it.
   *
   * @returns The end of the enclosing message, for {@link leave}.
   */
  enter(): number {
    const outer = this.end;
    const length = this.length();
    if (this.problem === "") this.end = this.position + length;
    return outer;
  }

  /** Widens the scan to the enclosing message again. */
  leave(outer: number): void {
    this.end = outer;
  }

  /**
   * Checks that the whole message could be read.
   *
   * @param message Its name in the schema.
   * @throws ProtocolError naming the problem.
   */
  assertIntact(message: string): void {
    if (this.problem !== "") throw new ProtocolError(`Cannot read a ${message}: ${this.problem}`);
  }

  #view(): DataView {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  #advance(length: number): boolean {
    if (length > this.end - this.position) {
      this.fail("a field is longer than its message");
      return false;
    }
    this.position += length;
    return true;
  }

  /** Reads up to ten bytes; a value of 2^53 or more comes out inexact but not smaller than that. */
  #varint(): number {
    // Four bytes fit a 32-bit integer; nearly every number ends within them.
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.position >= this.end) {
        this.fail(CUT_OFF);
        return 0;
      }
      const byte = this.bytes[this.position++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return this.#largeVarint(value);
  }

  #largeVarint(low: number): number {
    let value = low;
    let scale = 0x10000000;
    for (let count = 4; count < 10; count++) {
      if (this.position >= this.end) {
        this.fail(CUT_OFF);
        return 0;
      }
      const byte = this.bytes[this.position++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    this.fail(TOO_LONG);
    return 0;
  }
}

/** The numbers of the fields in a table of tags; other numbers are later additions to the message. */
export function fieldNumbers(tags: Readonly<Record<string, number>>): ReadonlySet<number> {
  return new Set(Object.values(tags).map((tag) => tag >>> 3));
}
