/**
 * Root calls that every worker has refused for being full: they are offered again after a pause, in turn and a
 * few at a time, so that however many wait, asking costs little. Whether one is taken is not decided here.
 */

import { Fifo } from "../../internal/fifo.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { OutgoingTask } from "../call/outgoing-task.ts";

/** Longest pause that a worker's word puts a call off for: others may have come, or have room, meanwhile. */
const MAX_PAUSE_MS = 1_000;
/** Calls offered at a time, if workers have few of ours in hand. */
const MIN_OFFERED = 16;

/** What it takes to offer calls again. */
export interface PutOffTasksOptions {
  /** Calls that the workers have in hand: as many may end until the next offer, and twice as many are offered. */
  readonly inFlight: () => number;
  /** Offers a task to whoever has room; it may be put off again. */
  readonly offer: (task: OutgoingTask) => void;
}

/** Calls that are put off. */
export class PutOffTasks {
  readonly #options: PutOffTasksOptions;
  readonly #tasks = new Fifo<OutgoingTask>();
  #pauseMs = 1;
  #next: { readonly atMs: number; readonly entry: DeadlineEntry } | undefined;

  constructor(options: PutOffTasksOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#tasks.size;
  }

  /**
   * Puts a task off, behind the others. A task that has been settled is taken out by its own queue and node.
   *
   * @param pauseMs How long, in milliseconds, as the worker wishes.
   */
  add(task: OutgoingTask, pauseMs: number): void {
    task.queue = this.#tasks;
    task.node = this.#tasks.push(task);
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
      const task = this.#tasks.shift();
      if (task === undefined) return;
      task.node = undefined;
      task.queue = undefined;
      if (!task.settled) offer(task);
    }
    if (this.#tasks.size > 0) this.#arm();
  }
}
