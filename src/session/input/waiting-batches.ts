/**
 * The batches of one peer on the network that wait to be read, in the order in which they came. They are read when it is
 * the connection's turn, and the carrier is asked for more when none is left. What is in them is up to whoever reads.
 */
import { ArrayQueue } from "../../internal/array-queue.ts";
import type { Standing } from "../../internal/fair-clock.ts";
import type { BatchReader } from "../../wire/batch/reader.ts";
import type { Carrier } from "../carrier.ts";
import { type InputReader, inputTurns } from "./turns.ts";

/** The connection as its batches see it. */
export interface BatchesOwner {
  readonly carrier: Carrier;
  /** The peer's, for all that it has open: it gets no more turns for being many. */
  readonly standing: Standing;
  /** At the batch that is being read. */
  readonly reader: BatchReader;
  /** Whether the connection has ended. */
  readonly ended: () => boolean;
  /**
   * Bytes that may wait to be read before the carrier takes nothing more. What a peer has sent of which it is proof, of
   * answers for instance, is better here when its connection breaks.
   */
  readonly readAheadBytes: number;
  /**
   * Reads on in that batch.
   *
   * @param untilMs When to stop, as `performance.now()` counts.
   * @returns Whether something of it is left.
   */
  readonly read: (untilMs: number) => boolean;
  /** What has been read may have consequences, which take time. */
  readonly turnOver: () => void;
  /** Payloads that have come. */
  readonly inbound: {
    /** Whether somebody keeps one that lies in the memory of the batch. */
    keepsBatch: boolean;
  };
}

/** A batch that waits to be read. */
interface Batch {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Batches of one connection. */
export class WaitingBatches implements InputReader {
  readonly standing: Standing;
  readonly #owner: BatchesOwner;
  /** Of the first, the reader may have read the beginning. */
  readonly #waiting = new ArrayQueue<Batch>();
  #midBatch = false;
  #batchBytes = 0;
  /** What waits, the batch that is being read included. */
  #leftBytes = 0;
  #isReading = false;
  /** The memory of the batch that is being read, as far as it is to be given back. */
  #bytes: Uint8Array | undefined;
  /** The budget wants nothing more to be read. */
  #held = false;

  constructor(owner: BatchesOwner) {
    this.#owner = owner;
    this.standing = owner.standing;
  }

  /** A batch has come: it is read now, if it is the connection's turn. */
  add(bytes: Uint8Array, start: number, end: number): void {
    this.#waiting.push({ bytes, start, end });
    this.#leftBytes += end - start;
    const isLater = this.#waiting.size > 1 || this.#midBatch || this.#isReading;
    if (isLater || inputTurns.arrived(this)) this.#pace();
  }

  readOn(untilMs: number): boolean {
    this.#isReading = true;
    try {
      return this.#readOn(untilMs);
    } finally {
      this.#isReading = false;
    }
  }

  #readOn(untilMs: number): boolean {
    const { reader, inbound, read, ended } = this.#owner;
    while (performance.now() < untilMs) {
      if (!this.#midBatch) {
        const batch = this.#waiting.shift();
        if (batch === undefined) break;
        reader.reset(batch.bytes, batch.start, batch.end);
        this.#bytes = batch.bytes;
        this.#batchBytes = batch.end - batch.start;
        inbound.keepsBatch = false;
      }
      this.#midBatch = read(untilMs);
      if (!this.#midBatch) this.#wasRead();
      if (ended()) return false;
    }
    if (!this.any) this.#pace();
    return this.any;
  }

  /** Reads all that has come, whosever turn it is: nothing more comes. */
  readAll(): void {
    if (this.#isReading) return;
    inputTurns.forget(this);
    this.readOn(Number.POSITIVE_INFINITY);
    this.turnOver();
  }

  turnOver(): void {
    this.#owner.turnOver();
  }

  /** Whether this is the memory of the batch that is being read, of which the rest is still to come. */
  isBeingRead(bytes: Uint8Array): boolean {
    return bytes === this.#bytes;
  }

  /** Whether something has come that is still to be read. */
  get any(): boolean {
    return this.#midBatch || this.#waiting.size > 0;
  }

  /** The budget wants nothing more to be read, or does again. */
  hold(held: boolean): void {
    this.#held = held;
    this.#pace();
  }

  /** The connection has ended: gives back the memory of what has not been read. */
  end(): void {
    inputTurns.forget(this);
    if (this.#midBatch) this.#wasRead();
    this.#midBatch = false;
    for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift()) {
      this.#owner.carrier.release?.(batch.bytes);
    }
  }

  /** The batch has been read: its memory is given back, unless somebody keeps a payload in it. */
  #wasRead(): void {
    const bytes = this.#bytes;
    this.#bytes = undefined;
    this.#leftBytes -= this.#batchBytes;
    const { carrier, inbound } = this.#owner;
    if (bytes !== undefined && !inbound.keepsBatch) carrier.release?.(bytes);
  }

  /** Takes more from the carrier only when what has come is read, and the budget lets it. */
  #pace(): void {
    this.#owner.carrier.holdInput?.(this.#held || this.#leftBytes > this.#owner.readAheadBytes);
  }
}
