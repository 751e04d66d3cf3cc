/**
 * Many deadlines on one timer, of which cancelling is as cheap as adding and leaves nothing behind.
 *
 * Deadlines are cancelled far more often than they are met. The timer is therefore moved only when an
 * earlier deadline arrives; after a cancellation it may fire once for nothing. It never keeps the process
 * alive, and callbacks run outside any particular asynchronous context.
 */

import { processWide } from "../process-wide.ts";
import { ABSENT, IndexedHeap } from "../queue/indexed-heap.ts";
import { type Clock, MAX_TIMER_MS, systemClock } from "./clock.ts";

const NOTHING = (): void => {};

/** One deadline in a {@link DeadlineQueue}. Opaque to its holder, who may cancel it. */
export class DeadlineEntry {
  /** When it is due, in milliseconds on the queue's clock. */
  readonly atMs: number;
  /** Tells entries of one instant apart: first added, first run. */
  readonly order: number;
  /** What to call; replaced once it has run or was cancelled, so that an entry kept by its holder keeps nothing else. */
  run: () => void;
  /** Written by the heap only. */
  position: number = ABSENT;

  constructor(atMs: number, run: () => void, order: number) {
    this.atMs = atMs;
    this.order = order;
    this.run = run;
  }
}

/**
 * Runs callbacks when their time has come, any number of them on a single timer.
 *
 * @example
 * const entry = deadlines.after(250, () => giveUp());
 * deadlines.cancel(entry);
 */
export class DeadlineQueue {
  readonly #clock: Clock;
  readonly #heap = new IndexedHeap<DeadlineEntry>(isBefore);
  #timer: Disposable | undefined;
  /** When the timer fires; meaningful only while there is one. */
  #timerAtMs = Number.POSITIVE_INFINITY;
  #added = 0;
  readonly #fire = (): void => this.#runDue();

  /** @param clock Where time comes from; the system's monotonic clock unless a test gives another. */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Deadlines that have neither been met nor cancelled. */
  get size(): number {
    return this.#heap.size;
  }

  /** The present, in milliseconds on the clock that `add` refers to. */
  now(): number {
    return this.#clock.now();
  }

  /**
   * Calls `run` once `atMs` has passed: never synchronously, never early. An error it throws becomes an
   * uncaught exception, and the other deadlines still run.
   *
   * @param atMs Milliseconds on the queue's clock, not NaN; `Infinity` never comes.
   */
  add(atMs: number, run: () => void): DeadlineEntry {
    const entry = new DeadlineEntry(atMs, run, this.#added++);
    this.#heap.add(entry);
    if (atMs < this.#timerAtMs) this.#arm(atMs);
    return entry;
  }

  /**
   * Calls `run` once `delayMs` has passed from now, by the rules of {@link add}.
   *
   * @param delayMs Milliseconds, not NaN; `Infinity` never comes.
   */
  after(delayMs: number, run: () => void): DeadlineEntry {
    return this.add(this.#clock.now() + delayMs, run);
  }

  /** Makes sure that an entry of this queue does not run. Returns whether it was still to come. */
  cancel(entry: DeadlineEntry): boolean {
    if (entry.position === ABSENT) return false;
    this.#heap.remove(entry);
    entry.run = NOTHING;
    return true;
  }

  #runDue(): void {
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    const limit = this.#added;
    try {
      for (let first = this.#heap.first; first !== undefined && first.atMs <= now; first = this.#heap.first) {
        // Added by one of the callbacks: its turn is the timer's next, or this loop might never end.
        if (first.order >= limit) break;
        const { run } = first;
        this.cancel(first);
        run();
      }
    } finally {
      const next = this.#heap.first;
      if (next !== undefined && next.atMs < this.#timerAtMs) this.#arm(next.atMs);
    }
  }

  #arm(atMs: number): void {
    if (this.#timer !== undefined) this.#timer[Symbol.dispose]();
    this.#timerAtMs = atMs;
    // Rounded up: a Node timer counts whole milliseconds and would fire early, to be set again.
    const delayMs = Math.min(MAX_TIMER_MS, Math.max(1, Math.ceil(atMs - this.#clock.now())));
    this.#timer = this.#clock.setTimeout(this.#fire, delayMs);
  }
}

function isBefore(a: DeadlineEntry, b: DeadlineEntry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** The queue that everything in this process (or thread) shares. Its clock is `performance.now()`. */
export const deadlines: DeadlineQueue = processWide("deadlines", () => new DeadlineQueue());
