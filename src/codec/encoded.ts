/** The form of a value between the encoder and the decoder. */

/** What only readers of objects of the platform can read, and where the first of it is. */
export interface PlatformUse {
  readonly path: string;
  /** Says what it is, and what to send to others, as a clause. */
  readonly why: () => string;
}

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
  /** The first object of the platform in it; see `EncodeOptions.platform`. Absent: there is none. */
  readonly platform?: PlatformUse | undefined;
  /** Blobs whose content is to be read before it is sent: an `UnreadBlobs`. Absent: there are none. */
  readonly unread?: object | undefined;
  /** What it brings along, and what of it changes hands: an `Attachments`. Absent: nothing. */
  readonly beside?: object | undefined;
  /** Of a value that has come: the objects that have come with it. Absent: none. */
  readonly attachments?: readonly unknown[] | undefined;
}
