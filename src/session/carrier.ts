/**
 * The carrier port: what moves batches of frames between two peers. A carrier keeps order, delivers
 * whole batches, and knows nothing of their content.
 */

/** Bytes that a carrier may overwrite in front of every batch handed to `send`, for its own framing. */
export const CARRIER_HEADROOM = 4;

/** What a carrier tells the session that uses it. */
export interface CarrierEvents {
  /** One whole batch. With `volatile`, valid during the call; else its memory is not reused. */
  batch(bytes: Uint8Array, start: number, end: number): void;
  /** The carrier can take more after `send` returned false. */
  drain(): void;
  /** The carrier has ended: by `close`, by the peer, or by an error. Called exactly once. */
  closed(error: Error | undefined): void;
}

/** A connection to one peer. */
export interface Carrier {
  /** Whether received batches lie in memory that is used again: what is kept of them must be copied. */
  readonly volatile: boolean;
  /** Whether the peer is on this host, behind a socket that only this user can reach. */
  readonly local: boolean;
  /** What to call in messages, for example the socket's path. */
  readonly description: string;
  /** Must be set before the first event, in the turn in which the carrier was obtained. */
  events: CarrierEvents | undefined;
  /**
   * Sends one batch.
   *
   * @param batch `CARRIER_HEADROOM` bytes for the carrier, then the batch.
   * @param tail The rest of the batch, sent without a copy; must not change until it has left.
   * @returns False when the caller should let further bulk wait until `drain`.
   */
  send(batch: Uint8Array, tail?: Uint8Array): boolean;
  /** Sends what has been handed over, then ends. */
  close(): void;
  /** Ends at once. */
  destroy(error?: Error): void;
}
