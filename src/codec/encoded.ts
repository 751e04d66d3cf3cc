/** The form of a value between the encoder and the decoder. */

/** A value in bytes: `bytes` from `start` to `end`, and the large binary beside it. */
export interface Encoded {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly parts: readonly Uint8Array[];
  /** Path of the first routine in it that has come over a network; absent if there is none. See `identity/taint.ts`. */
  readonly tainted?: string | undefined;
  /** Whether it holds text as code units; see `EncodeOptions.textUnits`. */
  readonly textUnits?: boolean | undefined;
  /** What it brings along, and what of it changes hands: an `Attachments`. Absent: nothing. */
  readonly beside?: object | undefined;
  /** Of a value that has come: the objects that have come with it. Absent: none. */
  readonly attachments?: readonly unknown[] | undefined;
}
