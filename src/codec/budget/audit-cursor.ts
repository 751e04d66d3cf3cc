/**
 * Goes over the tokens of a payload for its audit, and adds up what values take up that have no price. It makes none, and
 * goes no further than the payload reaches.
 */
import { Extension } from "../format.ts";
import { ElementBytes } from "./decoded-size.ts";
import type { AuditedBytes } from "./excess.ts";

/** A place in a payload, and what has been met up to there. */
export class AuditCursor {
  protected readonly bytes: Uint8Array;
  #view: DataView | undefined;
  protected readonly end: number;
  protected position: number;
  /** What the values take up in the heap beside what their prices stand for. */
  protected heldBytes = 0;

  constructor({ bytes, start, end }: AuditedBytes) {
    this.bytes = bytes;
    this.position = start + 1;
    this.end = end;
  }

  /** Made when something needs it: short payloads seldom do. */
  protected get view(): DataView {
    const { bytes } = this;
    this.#view ??= new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.#view;
  }

  protected skip(lengthBytes: number): boolean {
    if (lengthBytes < 0 || lengthBytes > this.end - this.position) return false;
    this.position += lengthBytes;
    return true;
  }

  protected longText(lengthBytes: number): boolean {
    this.heldBytes += ElementBytes.TEXT + lengthBytes * ElementBytes.CHARACTER;
    return this.skip(lengthBytes);
  }

  protected number(lengthBytes: number): boolean {
    this.heldBytes += ElementBytes.NUMBER;
    return this.skip(lengthBytes);
  }

  /**
   * A big-endian number of 1, 2 or 4 bytes, or −1, with which nothing goes on. Not NaN: it would make the engine keep
   * the fields of this class as floating-point numbers, which costs more, for all payloads that follow.
   */
  protected uint(sizeBytes: number): number {
    const at = this.position;
    if (at + sizeBytes > this.end) return -1;
    this.position = at + sizeBytes;
    if (sizeBytes === 1) return this.bytes[at] as number;
    return sizeBytes === 2 ? this.view.getUint16(at) : this.view.getUint32(at);
  }

  /** Goes over a string. @returns Where its bytes begin, or −1. */
  protected text(): number {
    const token = this.uint(1);
    let length = -1;
    if (token >= 0xa0 && token <= 0xbf) length = token & 0x1f;
    else if (token === 0xd9) length = this.uint(1);
    else if (token === 0xda) length = this.uint(2);
    else if (token === 0xdb) length = this.uint(4);
    else if (token >= 0xc7 && token <= 0xd8) length = this.extensionLength(token);
    if (token >= 0xc7 && token <= 0xd8 && length >= 0) length++; // its type
    const from = this.position;
    return this.skip(length) ? from : -1;
  }

  /** Goes over a small number, a short text or a constant, if one comes next: most values are, and have no price. */
  protected plain(): boolean {
    const at = this.position;
    if (at >= this.end) return false;
    const token = this.bytes[at] as number;
    if (token < 0x80 || token >= 0xe0 || token === 0xc0 || token === 0xc2 || token === 0xc3) {
      this.position = at + 1;
      this.heldBytes += ElementBytes.PLACE;
      return true;
    }
    if (token < 0xa0 || token > 0xbf || at + token - 0x9f > this.end) return false;
    this.position = at + token - 0x9f;
    this.heldBytes += ElementBytes.PLACE + ElementBytes.TEXT + token - 0xa0;
    return true;
  }

  /** Goes over a run of holes, if one comes next. @returns Its length; −1 if it does not fit. */
  protected holes(index: number, length: number): number {
    const at = this.position;
    const token = this.bytes[at] as number;
    if (token < 0xd4 || token > 0xd6 || this.bytes[at + 1] !== Extension.HOLES) return 0;
    this.position = at + 2;
    const holes = this.uint(1 << (token - 0xd4));
    return holes > 0 && index + holes <= length ? holes : -1;
  }

  protected extensionLength(token: number): number {
    if (token >= 0xd4 && token <= 0xd8) return 1 << (token - 0xd4);
    if (token === 0xc7) return this.uint(1);
    if (token === 0xc8) return this.uint(2);
    return token === 0xc9 ? this.uint(4) : -1;
  }
}
