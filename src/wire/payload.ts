/** A message's content as `wire/` and `session/` carry it: they measure and move the bytes, and never decode them. */

/** An encoded value: a range of bytes that is never rewritten, and the binary parts beside it. */
export interface Payload {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly parts: readonly Uint8Array[];
  /** Where in it is the first thing that only peers with `Feature.Taint` may get; absent if there is none. */
  readonly tainted?: string | undefined;
  /** Whether it holds text in a form that only peers with `Feature.TextUnits` may get. */
  readonly textUnits?: boolean | undefined;
  /** The first thing in it that only peers with `Feature.Platform` may get; absent if there is none. */
  readonly platform?: { readonly path: string; readonly why: () => string } | undefined;
  /** What is to be read into its parts before it is sent: an `UnreadBlobs` of the codec. Absent: nothing. */
  readonly unread?: object | undefined;
  /** What it brings along, and what of it changes hands: an `Attachments` of the codec. Absent: nothing. */
  readonly beside?: object | undefined;
  /** Of a message that has come: the objects that have come with it. Absent: none. */
  readonly attachments?: readonly unknown[] | undefined;
  /** Of a message that has come in memory which its sender uses again: says that nobody reads it any more. Absent: it is not. */
  readonly release?: (() => void) | undefined;
}

/** Payload without parts. */
export const NO_PARTS: readonly Uint8Array[] = Object.freeze([]);

/** No value at all. */
export const NO_PAYLOAD: Payload = Object.freeze({
  bytes: new Uint8Array(0),
  start: 0,
  end: 0,
  parts: NO_PARTS,
});

/** Bytes of a payload, parts included, as the peers' limits count them. */
export function payloadSize({ start, end, parts }: Payload): number {
  let size = end - start;
  if (parts.length > 0) for (const part of parts) size += part.length; // most have none
  return size;
}
