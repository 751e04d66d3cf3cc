/** A message's content as the session carries it: bytes that it measures and moves, and never looks into. */

/** An encoded value: a range of bytes that is never rewritten, and the binary parts beside it. */
export interface Payload {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly parts: readonly Uint8Array[];
}

/** Payload without parts. */
export const NO_PARTS: readonly Uint8Array[] = Object.freeze([]);

/** Bytes of a payload, parts included, as the peers' limits count them. */
export function payloadSize(payload: Payload): number {
  let size = payload.end - payload.start;
  for (const part of payload.parts) size += part.length;
  return size;
}
