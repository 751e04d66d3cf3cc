/** Whether an encoded value is one that cannot change: told by its first token, without decoding it. */

/**
 * Whether the payload's value is a number, a bigint of 64 bits, a text, a boolean or null, which all who decode it may share.
 *
 * @param bytes The payload, its header first. False for one that is empty.
 */
export function holdsPrimitive(bytes: Uint8Array): boolean {
  const token = bytes[1];
  if (token === undefined) return false;
  const isShort = token < 0x80 || token >= 0xe0 || (token >= 0xa0 && token < 0xc0);
  const isNullOrBoolean = token === 0xc0 || token === 0xc2 || token === 0xc3;
  const isNumber = (token >= 0xca && token <= 0xd3) || token === 0xd9 || token === 0xda || token === 0xdb;
  return isShort || isNullOrBoolean || isNumber;
}
