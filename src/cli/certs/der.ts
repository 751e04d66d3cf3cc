/** Writes ASN.1 in DER, as much of it as certificates take. It reads nothing: what is read here, Node reads. */

const SEQUENCE = 0x30;
const SET = 0x31;

/** A value with its tag and its length. */
export function tagged(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

/** `SEQUENCE` */
export function sequence(...members: readonly Uint8Array[]): Buffer {
  return tagged(SEQUENCE, ...members);
}

/** `SET` with one member, which therefore needs no order. */
export function setOf(member: Uint8Array): Buffer {
  return tagged(SET, member);
}

/** `INTEGER`, not negative, from its bytes with the highest first. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const trimmed = bytes.subarray(start);
  return tagged(0x02, (trimmed[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed);
}

/** `BOOLEAN` that is true; one that is false is a default, and therefore absent. */
export const TRUE: Buffer = tagged(0x01, Buffer.from([0xff]));

/** `NULL` */
export const NULL: Buffer = tagged(0x05);

/** `OBJECT IDENTIFIER` from its usual notation. */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tagged(0x06, Buffer.from(bytes));
}

/** `UTF8String` */
export function utf8String(text: string): Buffer {
  return tagged(0x0c, Buffer.from(text, "utf8"));
}

/** `OCTET STRING` */
export function octetString(content: Uint8Array): Buffer {
  return tagged(0x04, content);
}

/** `BIT STRING`. */
export function bitString(content: Uint8Array, unusedBits = 0): Buffer {
  return tagged(0x03, Buffer.from([unusedBits]), content);
}

/** An instant, in whole seconds; as `UTCTime` until 2049 and as `GeneralizedTime` from then on, which RFC 5280 demands. */
export function time(instant: Date): Buffer {
  const text = `${instant.toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)}Z`;
  return instant.getUTCFullYear() < 2050
    ? tagged(0x17, Buffer.from(text.slice(2), "latin1"))
    : tagged(0x18, Buffer.from(text, "latin1"));
}

/** A value under a context tag, which says that it is built of others. */
export function explicit(number: number, ...contents: readonly Uint8Array[]): Buffer {
  return tagged(0xa0 | number, ...contents);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}
