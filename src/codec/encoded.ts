/** The form of a value between the encoder and the decoder. */

/** A value in bytes: `bytes` from `start` to `end`, and the large binary beside it. */
export interface Encoded {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly parts: readonly Uint8Array[];
}
