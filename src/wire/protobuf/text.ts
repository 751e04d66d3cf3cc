/**
 * Strings of the wire: UTF-8, written with U+FFFD in place of lone surrogates and never accepted when
 * invalid. Short ones are handled in place, since the call into native code costs more than they do.
 */
import { Buffer, isUtf8 } from "node:buffer";

/** Code units up to which a loop is faster than a call into native code; measured on Node 20. */
const SHORT = 40;

/** Length of the text in UTF-8, in bytes. */
export function textSize(text: string): number {
  if (text.length > SHORT) return Buffer.byteLength(text);
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 0x7f) return Buffer.byteLength(text);
  }
  return text.length;
}

/**
 * Writes the text and returns the position after it.
 *
 * @param bytes Where to write; must have room for {@link textSize} bytes.
 * @param position Where the first byte goes.
 */
export function writeText(bytes: Buffer, position: number, text: string): number {
  if (text.length > SHORT) return position + bytes.write(text, position);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) return position + bytes.write(text, position);
    bytes[position + at] = unit;
  }
  return position + text.length;
}

/** Tells whether the range is valid UTF-8. */
export function isText(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if ((bytes[at] as number) > 0x7f) return isUtf8(bytes.subarray(at, end));
  }
  return true;
}

/** Reads a range that {@link isText} has accepted. */
export function readText(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
}
