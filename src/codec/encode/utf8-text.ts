/**
 * Rewrites a payload whose long text is in code units as one with UTF-8 alone: for a receiver that turned out not to read
 * the other form after the value had been encoded. Values do not matter here, only tokens do.
 */
import { HOLDING_VALUES } from "../budget/prices.ts";
import type { Encoded } from "../encoded.ts";
import { Extension } from "../format.ts";
import { TokenWriter } from "./token-writer.ts";

/** Bytes of a token without content of its own, by its first byte, from `0xc0` on; 0 for those that have some. */
const TOKEN_BYTES = [
  1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 0, 0, 0, 0, 0, 0, 0, 0, 3, 5, 3, 5,
];

/** Rewrites one payload. Arrays and maps say how many values follow, so that only extensions around a text change. */
class Utf8Text extends TokenWriter {
  readonly #from: Buffer;
  readonly #end: number;
  #at: number;
  /** Extensions that are open: where each ends, and what the writer needs to close it. */
  readonly #open: { readonly end: number; readonly offset: number }[] = [];

  constructor({ bytes, start, end }: Encoded) {
    super();
    this.#from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  rewrite(): void {
    this.begin();
    this.#copy(1); // the header
    while (this.#at < this.#end) {
      this.#token();
      while (this.#open.at(-1)?.end === this.#at) this.closeExtension(this.#open.pop()?.offset ?? 0);
    }
  }

  #copy(lengthBytes: number): void {
    this.writeRaw(this.#from.subarray(this.#at, this.#at + lengthBytes));
    this.#at += lengthBytes;
  }

  #token(): void {
    const token = this.#from[this.#at] as number;
    if (token < 0xa0 || token >= 0xe0) return this.#copy(1);
    if (token < 0xc0) return this.#copy(1 + (token & 0x1f));
    const lengthBytes = TOKEN_BYTES[token - 0xc0] as number;
    if (lengthBytes > 0) return this.#copy(lengthBytes);
    // The length is in 1, 2 or 4 bytes; that of a fixed extension is in the token.
    if (token <= 0xc6) return this.#copyLong(1 << (token - 0xc4));
    if (token >= 0xd9) return this.#copyLong(1 << (token - 0xd9));
    if (token >= 0xd4) return this.#copy(2 + (1 << (token - 0xd4)));
    this.#extension(1 << (token - 0xc7));
  }

  #copyLong(sizeBytes: number): void {
    this.#copy(1 + sizeBytes + this.#from.readUIntBE(this.#at + 1, sizeBytes));
  }

  #extension(sizeBytes: number): void {
    const lengthBytes = this.#from.readUIntBE(this.#at + 1, sizeBytes);
    const type = this.#from[this.#at + 1 + sizeBytes] as number;
    const from = this.#at + 2 + sizeBytes;
    const end = from + lengthBytes;
    if (type === Extension.UTF16 || type === Extension.LATIN1) {
      this.writeString(this.#from.toString(type === Extension.UTF16 ? "utf16le" : "latin1", from, end));
      this.#at = end;
    } else if (HOLDING_VALUES.has(type) && lengthBytes > 0) {
      this.#open.push({ end, offset: this.openExtension(type) });
      this.#at = from;
    } else {
      this.#copy(end - this.#at);
    }
  }
}

/**
 * The same value for a receiver that reads no text in code units.
 *
 * @param encoded What the encoder has written.
 * @returns It in memory of its own. Its parts are the same.
 */
export function withUtf8Text(encoded: Encoded): Encoded {
  const text = new Utf8Text(encoded);
  text.rewrite();
  return { ...encoded, bytes: text.bytes, start: text.start, end: text.position, textUnits: false };
}
