/**
 * Writes protobuf's variable-length integers. They are read by the field scanner, because there every step
 * needs a bounds check.
 */

/**
 * Computes how many bytes a number takes.
 *
 * @param value An integer between 0 and 2^53 - 1.
 * @returns 1 to 8.
 */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  if (value < 0x800000000) return 5;
  if (value < 0x40000000000) return 6;
  if (value < 0x2000000000000) return 7;
  return 8;
}

/**
 * Writes a number and returns the position after it.
 *
 * @param bytes Where to write; must have room for {@link varintSize} bytes.
 * @param position Where the first byte goes.
 * @param value An integer between 0 and 2^53 - 1.
 */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  if (value < 0x80) {
    bytes[position] = value;
    return position + 1;
  }
  if (value > 0x7fffffff) return writeLargeVarint(bytes, position, value);
  let at = position;
  let rest = value | 0;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at] = rest;
  return at + 1;
}

/** Apart from the common case, so that that one stays with 32-bit integers. */
function writeLargeVarint(bytes: Uint8Array, position: number, value: number): number {
  let at = position;
  let rest = value;
  while (rest > 0x7fffffff) {
    bytes[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  return writeVarint(bytes, at, rest);
}
