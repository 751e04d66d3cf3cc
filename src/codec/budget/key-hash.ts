/**
 * The hash under which the engine will find a key of a Map or Set, read from the bytes of the key. Hashes that hang on
 * a secret of the process are not known here, nor to a peer.
 */
import { Extension } from "../format.ts";
import { hash64, hashIndex, hashInt32, hashNumber } from "./key-chains.ts";

/** The key is an object, which gets a random hash when it becomes a key. */
export const IDENTITY_HASH = -1;
/** The key is a text or a constant. */
export const SECRET_HASH = -2;

/** The digits of 2^32 − 2, the highest index of an array. */
const INDEX_DIGITS = 10;

/**
 * The hash of the key at a position, one of the two constants, or anything where there is no whole key.
 *
 * @param end Where the payload ends.
 */
export function hashOfKey(view: DataView, at: number, end: number): number {
  if (at + 2 > end) return SECRET_HASH;
  const token = view.getUint8(at);
  if (token < 0x80) return hashInt32(token);
  if (token >= 0xe0) return hashInt32(token - 0x100);
  if (token < 0xa0) return IDENTITY_HASH;
  if (token < 0xc0) return hashOfText(view, { from: at + 1, length: token & 0x1f, end });
  if (token === 0xd9) return hashOfText(view, { from: at + 2, length: view.getUint8(at + 1), end });
  if (token >= 0xc4 && token <= 0xc6) return IDENTITY_HASH;
  if (token >= 0xdc && token <= 0xdf) return IDENTITY_HASH;
  if (token >= 0xc7 && token <= 0xc9) return hashOfExtension(view, { token, at, end });
  if (token >= 0xd4 && token <= 0xd8) return hashOfExtension(view, { token, at, end });
  return at + 9 > end ? SECRET_HASH : hashOfNumber(view, token, at + 1);
}

function hashOfNumber(view: DataView, token: number, at: number): number {
  switch (token) {
    case 0xca:
      return hashNumber(view.getFloat32(at));
    case 0xcb:
      return hashNumber(view.getFloat64(at));
    case 0xcc:
      return hashInt32(view.getUint8(at));
    case 0xcd:
      return hashInt32(view.getUint16(at));
    case 0xce:
      return hashNumber(view.getUint32(at));
    case 0xd0:
      return hashInt32(view.getInt8(at));
    case 0xd1:
      return hashInt32(view.getInt16(at));
    case 0xd2:
      return hashInt32(view.getInt32(at));
    case 0xcf:
      return hash64(view.getUint32(at), view.getUint32(at + 4));
    case 0xd3:
      return hashOfInt64(view.getInt32(at), view.getUint32(at + 4));
    default:
      return SECRET_HASH;
  }
}

/** Bigints are hashed without their sign. */
function hashOfInt64(high: number, low: number): number {
  return high < 0 ? hash64(low === 0 ? -high : ~high, -low >>> 0) : hash64(high, low);
}

interface ExtensionToken {
  readonly token: number;
  readonly at: number;
  readonly end: number;
}

function hashOfExtension(view: DataView, { token, at, end }: ExtensionToken): number {
  const sizeBytes = token >= 0xd4 ? 0 : 1 << (token - 0xc7);
  if (at + sizeBytes + 2 > end) return SECRET_HASH;
  let length = 1 << (token - 0xd4);
  if (sizeBytes === 1) length = view.getUint8(at + 1);
  else if (sizeBytes === 2) length = view.getUint16(at + 1);
  else if (sizeBytes === 4) length = view.getUint32(at + 1);
  const type = view.getUint8(at + 1 + sizeBytes);
  // A text in these forms is no index.
  if (type === Extension.UTF16 || type === Extension.LATIN1 || type === Extension.UNDEFINED)
    return SECRET_HASH;
  if (type !== Extension.BIGINT) return IDENTITY_HASH;
  const from = at + sizeBytes + 2;
  return from + length <= end ? hashOfMagnitude(view, from + 1, from + length) : SECRET_HASH;
}

/** Of a wide bigint, the lowest 64 bits alone count. */
function hashOfMagnitude(view: DataView, from: number, end: number): number {
  let low = 0;
  let high = 0;
  for (let byte = 0; byte < 8 && end - 1 - byte >= from; byte++) {
    const digit = view.getUint8(end - 1 - byte);
    if (byte < 4) low |= digit << (8 * byte);
    else high |= digit << (8 * (byte - 4));
  }
  return hash64(high, low);
}

/** Texts that are an array's index are hashed as it. */
function hashOfText(
  view: DataView,
  { from, length, end }: { readonly from: number; readonly length: number; readonly end: number },
): number {
  if (length === 0 || length > INDEX_DIGITS || from + length > end) return SECRET_HASH;
  let index = 0;
  for (let at = from; at < from + length; at++) {
    const digit = view.getUint8(at) - 0x30;
    if (digit < 0 || digit > 9) return SECRET_HASH;
    index = index * 10 + digit;
  }
  return hashIndex(index, length);
}
