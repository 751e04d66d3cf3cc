/**
 * What a session needs of a transport: it moves batches of frames between two peers. A carrier keeps
 * order, delivers whole batches, and knows nothing of their content.
 */
import type { Transferable } from "node:worker_threads";
import type { Peer } from "../credentials/peers/peer.ts";
import type { Spinner } from "../internal/loop-spinner.ts";

/** Bytes that a carrier may overwrite in front of every batch handed to `send`, for its own framing. */
export const CARRIER_HEADROOM = 4;

/**
 * What passes from thread to thread beside the batches, for one frame. That frame says so, and takes the first enclosure
 * that none before it has taken.
 */
export interface Enclosure {
  /** The parts of its message: memory of their own, which is the receiver's from here on. */
  readonly parts: readonly Uint8Array[];
  /** Its payload, if that is too long for the frame and in a slab; without one it is the first of the parts. */
  readonly slab?: PassedSlab | undefined;
  /** Objects that its message names by their numbers. */
  readonly attachments: readonly unknown[];
}

/** A payload in memory that both threads see, which the sender uses again as soon as the receiver has let go of it. */
export interface PassedSlab {
  readonly memory: SharedArrayBuffer;
  /** Where in it the payload is. */
  readonly start: number;
  readonly end: number;
}

/** Events of a carrier, for the session that uses it. */
export interface CarrierEvents {
  /**
   * One whole batch. If the carrier is `volatile`, the bytes are valid only during the call; otherwise they may be
   * kept.
   */
  batch(bytes: Uint8Array, start: number, end: number): void;
  /**
   * The beginning of a batch whose end has not come. Called by carriers of peers on this host, for large batches.
   *
   * @param end Where the bytes end that have come, which are valid only during the call.
   * @param batchEnd Where the batch would end.
   * @returns Memory for the rest: the carrier puts it there and then calls `filled`. `undefined`: it hands out the batch
   *   as a whole.
   */
  begun?(bytes: Uint8Array, start: number, end: number, batchEnd: number): Uint8Array | undefined;
  /** The memory that `begun` has given is filled; the batch is over. */
  filled?(): void;
  /**
   * One enclosure, in the order in which they were sent, and before the batch with the frame that takes it. Called by
   * carriers between threads that have {@link Carrier.enclose}.
   */
  enclosed?(enclosure: Enclosure): void;
  /** `send` had returned false; now the carrier can take more again. */
  drain(): void;
  /** The carrier has ended: by `close`, by the peer, or by an error. Called exactly once. */
  closed(error: Error | undefined): void;
}

/** A connection to one peer. */
export interface Carrier {
  /** Whether received batches lie in memory that is used again. Whoever keeps bytes of them must copy these. */
  readonly volatile: boolean;
  /** Whether the peer is on this host, behind a socket that only this user can reach. */
  readonly local: boolean;
  /** Who is at the other end. Absent from the carriers of callers, and of whoever uses the worker's own socket. */
  readonly peer?: Peer | undefined;
  /**
   * How the caller's thread waits awake for answers. Absent where the event loop alone tells that something has come: then
   * it is kept turning.
   */
  readonly spinner?: Spinner | undefined;
  /** What to call this connection in error messages, for example the socket's path. */
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
  /**
   * Sends an enclosure at once; the batch with its frame follows. Absent from carriers that lead out of the process.
   *
   * @param transfer What of it changes hands; the rest is cloned. The sender has none of that from here on.
   * @returns Whether it has been sent: not by a carrier that has ended, whose end is on the way.
   * @throws DOMException (`DataCloneError`) for what cannot pass. Nothing has been sent or has changed hands then.
   */
  readonly enclose?: ((enclosure: Enclosure, transfer: readonly Transferable[]) => boolean) | undefined;
  /**
   * Sends what has been handed over without the event loop, which turns no more: the process is about to end. Absent
   * from carriers that no worker serves by.
   *
   * @param untilMs When to give up on a peer that does not read, as `performance.now()` counts.
   * @returns Whether all of it has left.
   */
  sendBeforeExit?(untilMs: number): boolean;
  /**
   * Has a function called once everything that was handed over has left, or never will: at once, if that is so. Absent from
   * carriers that copy what they are given.
   */
  whenWritten?(done: () => void): void;
  /** Bytes that have been handed over and not left, as far as the carrier counts them. */
  readonly backlogBytes?: number;
  /**
   * Takes nothing more from the peer, until it is told otherwise; what is on its way may still come. Absent from
   * carriers of peers on this host.
   */
  holdInput?(held: boolean): void;
  /**
   * Gives the memory of a batch back to which nobody refers any more, or of a message that was put together from
   * batches. Absent from carriers whose batches lie in memory that is used again, or is not theirs.
   */
  readonly release?: ((bytes: Uint8Array) => void) | undefined;
  /** Sends what has been handed over, then ends. */
  close(): void;
  /** Ends at once. */
  destroy(error?: Error): void;
}
