/**
 * Root calls that every worker has refused for being full: they are offered again after a pause, in turn and a
 * few at a time, so that however many wait, asking costs little. Whether one is taken is not decided here.
 */

import { Fifo } from "../../internal/fifo.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Call } from "../call/call.ts";

/** Longest pause that a worker's word puts a call off for: others may have come, or have room, meanwhile. */
const MAX_PAUSE_MS = 1_000;
/** Calls offered at a time, if workers have few of ours in hand. */
const MIN_OFFERED = 16;

/** What it takes to offer calls again. */
export interface RetryQueueOptions {
  /** Calls that the workers have in hand: as many may end until the next offer, and twice as many are offered. */
  readonly inFlight: () => number;
  /** Offers a call to whoever has room; it may be put off again. */
  readonly offer: (call: Call) => void;
}

/** Calls that are put off. */
export class RetryQueue {
  readonly #options: RetryQueueOptions;
  readonly #calls = new Fifo<Call>();
  #pauseMs = 1;
  #next: { readonly atMs: number; readonly entry: DeadlineEntry } | undefined;

  constructor(options: RetryQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#calls.size;
  }

  /**
   * Puts a call off, behind the others. A call that has been settled is taken out by its own queue and node.
   *
   * @param pauseMs How long, in milliseconds, as the worker wishes.
   */
  add(call: Call, pauseMs: number): void {
    call.queue = this.#calls;
    call.node = this.#calls.push(call);
    this.#pauseMs = Math.min(Math.max(1, pauseMs), MAX_PAUSE_MS);
    this.#arm();
  }

  #arm(): void {
    const atMs = deadlines.now() + this.#pauseMs;
    if (this.#next !== undefined && this.#next.atMs <= atMs) return;
    if (this.#next !== undefined) deadlines.cancel(this.#next.entry);
    this.#next = { atMs, entry: deadlines.add(atMs, () => this.#offer()) };
  }

  #offer(): void {
    this.#next = undefined;
    const { inFlight, offer } = this.#options;
    for (let left = Math.max(MIN_OFFERED, 2 * inFlight()); left > 0; left--) {
      const call = this.#calls.shift();
      if (call === undefined) return;
      call.node = undefined;
      call.queue = undefined;
      if (!call.settled) offer(call);
    }
    if (this.#calls.size > 0) this.#arm();
  }
}
