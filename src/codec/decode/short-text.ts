/** Makes strings of a few bytes of UTF-8 without a call into the engine, which costs more than all of this. */

const { fromCharCode } = String;

/** Longer texts that are not ASCII are quicker to make by the engine. */
const SHORT_UTF8_BYTES = 10;
const units = new Uint16Array(SHORT_UTF8_BYTES);

/** A string of a few ASCII characters; `undefined` if it is not ASCII. */
export function shortAscii(bytes: Uint8Array, from: number, length: number): string | undefined {
  let text = "";
  let index = from;
  let rest = length;
  for (; rest >= 4; rest -= 4, index += 4) {
    const one = bytes[index] as number;
    const two = bytes[index + 1] as number;
    const three = bytes[index + 2] as number;
    const four = bytes[index + 3] as number;
    if ((one | two | three | four) >= 0x80) return undefined;
    text += fromCharCode(one, two, three, four);
  }
  if (rest === 0) return text;
  const one = bytes[index] as number;
  if (rest === 1) return one >= 0x80 ? undefined : text + fromCharCode(one);
  const two = bytes[index + 1] as number;
  if (rest === 2) return (one | two) >= 0x80 ? undefined : text + fromCharCode(one, two);
  const three = bytes[index + 2] as number;
  return (one | two | three) >= 0x80 ? undefined : text + fromCharCode(one, two, three);
}

/** A string of up to ten bytes of any UTF-8; `undefined` if it is longer, or not UTF-8. */
export function shortUtf8(bytes: Uint8Array, from: number, length: number): string | undefined {
  if (length > SHORT_UTF8_BYTES) return undefined;
  const end = from + length;
  let count = 0;
  for (let at = from; at < end; ) {
    const first = bytes[at] as number;
    if (first < 0x80) {
      units[count++] = first;
      at++;
      continue;
    }
    const size = sizeOf(first);
    if (size === 0 || at + size > end) return undefined;
    const point = codePoint(bytes, at, size);
    if (point === -1) return undefined;
    if (point > 0xffff) {
      units[count++] = 0xd7c0 + (point >> 10);
      units[count++] = 0xdc00 | (point & 0x3ff);
    } else {
      units[count++] = point;
    }
    at += size;
  }
  return textOf(count);
}

/** Of a character that begins so; 0 if none does. */
function sizeOf(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

/** The character of so many bytes, or −1: each of them but the first has six bits, and no form may be overlong. */
function codePoint(bytes: Uint8Array, at: number, size: number): number {
  let point = (bytes[at] as number) & (0xff >> (size + 1));
  for (let index = 1; index < size; index++) {
    const byte = bytes[at + index] as number;
    if ((byte & 0xc0) !== 0x80) return -1;
    point = (point << 6) | (byte & 0x3f);
  }
  if (size === 3) return point < 0x800 || (point >= 0xd800 && point <= 0xdfff) ? -1 : point;
  return size === 4 && (point < 0x1_0000 || point > 0x10_ffff) ? -1 : point;
}

/** A string of UTF-16 units in the memory that is for them, up to eight bytes of it. */
export function shortUtf16(bytes: Uint8Array, from: number, lengthBytes: number): string {
  const count = lengthBytes >> 1;
  for (let index = 0; index < count; index++) {
    const at = from + 2 * index;
    units[index] = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  }
  return textOf(count);
}

function textOf(count: number): string {
  let text = "";
  let index = 0;
  for (; index + 4 <= count; index += 4) {
    text += fromCharCode(
      units[index] as number,
      units[index + 1] as number,
      units[index + 2] as number,
      units[index + 3] as number,
    );
  }
  switch (count - index) {
    case 1:
      return text + fromCharCode(units[index] as number);
    case 2:
      return text + fromCharCode(units[index] as number, units[index + 1] as number);
    case 3:
      return (
        text + fromCharCode(units[index] as number, units[index + 1] as number, units[index + 2] as number)
      );
    default:
      return text;
  }
}
