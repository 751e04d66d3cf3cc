/** Tokens of the value format, byte by byte. */

/** The bytes of a number, big-endian. */
export function uint(value: number, sizeBytes: 1 | 2 | 4): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  bytes.writeUIntBE(value >>> 0, 0, sizeBytes);
  return bytes;
}

/** A token of one byte, and what follows it. */
export function head(first: number, rest: Buffer): Buffer {
  return Buffer.concat([Buffer.of(first), rest]);
}

/** A string token. */
export function textToken(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length < 32) return head(0xa0 | bytes.length, bytes);
  return bytes.length < 256
    ? Buffer.concat([Buffer.of(0xd9, bytes.length), bytes])
    : Buffer.concat([Buffer.of(0xdb), uint(bytes.length, 4), bytes]);
}

/** An extension token. */
export function extension(type: number, body: Buffer): Buffer {
  const { length } = body;
  if ([1, 2, 4, 8, 16].includes(length) && length < 5) {
    return Buffer.concat([Buffer.of(0xd4 + Math.log2(length), type), body]);
  }
  return length < 256
    ? Buffer.concat([Buffer.of(0xc7, length, type), body])
    : Buffer.concat([Buffer.of(0xc9), uint(length, 4), Buffer.of(type), body]);
}

/** A number of 64 bits. */
export function float64(value: number): Buffer {
  const bytes = Buffer.alloc(9, 0xcb);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

/** The head of an array. */
export function arrayHead(count: number): Buffer {
  return count < 16 ? Buffer.of(0x90 | count) : head(0xdd, uint(count, 4));
}

/** The head of a map. */
export function mapHead(count: number): Buffer {
  return count < 16 ? Buffer.of(0x80 | count) : head(0xdf, uint(count, 4));
}
