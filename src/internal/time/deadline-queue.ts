/**
 * Many deadlines on one timer: a binary heap whose entries know their place, so that cancelling is as
 * cheap as adding and leaves nothing behind.
 *
 * Deadlines are cancelled far more often than they are met. The timer is therefore moved only when an
 * earlier deadline arrives; after a cancellation it may fire once for nothing. It never keeps the process
 * alive, and callbacks run outside any particular asynchronous context.
 */

import { processWide } from "../process-wide.ts";
import { type Clock, MAX_TIMER_MS, systemClock } from "./clock.ts";

const ABSENT = -1;
const NOTHING = (): void => {};

/** One deadline in a {@link DeadlineQueue}. Opaque to its holder, who may cancel it. */
export class DeadlineEntry {
  /** When it is due, in milliseconds on the queue's clock. */
  readonly atMs: number;
  /** Tells entries of one instant apart: first added, first run. */
  readonly order: number;
  /** What to call; replaced once it has run or was cancelled, so that an entry kept by its holder keeps nothing else. */
  run: () => void;
  /** Position in the heap, −1 outside it. */
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
  readonly #heap: DeadlineEntry[] = [];
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
    return this.#heap.length;
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
    const heap = this.#heap;
    heap.push(entry);
    this.#rise(entry, heap.length - 1);
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
    this.#take(entry);
    entry.run = NOTHING;
    return true;
  }

  #runDue(): void {
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    const limit = this.#added;
    try {
      for (let first = this.#heap[0]; first !== undefined && first.atMs <= now; first = this.#heap[0]) {
        // Added by one of the callbacks: its turn is the timer's next, or this loop might never end.
        if (first.order >= limit) break;
        const { run } = first;
        this.cancel(first);
        run();
      }
    } finally {
      const next = this.#heap[0];
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

  /** Takes an entry out of the heap; the last entry fills its place. */
  #take(entry: DeadlineEntry): void {
    const position = entry.position;
    entry.position = ABSENT;
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    this.#sink(last, position);
    if (last.position === position) this.#rise(last, position);
  }

  #rise(entry: DeadlineEntry, from: number): void {
    const heap = this.#heap;
    let position = from;
    while (position > 0) {
      const above = (position - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(entry, parent)) break;
      heap[position] = parent;
      parent.position = position;
      position = above;
    }
    heap[position] = entry;
    entry.position = position;
  }

  #sink(entry: DeadlineEntry, from: number): void {
    const heap = this.#heap;
    let position = from;
    for (;;) {
      let below = 2 * position + 1;
      let child = heap[below];
      if (child === undefined) break;
      const sibling = heap[below + 1];
      if (sibling !== undefined && isBefore(sibling, child)) {
        child = sibling;
        below += 1;
      }
      if (!isBefore(child, entry)) break;
      heap[position] = child;
      child.position = position;
      position = below;
    }
    heap[position] = entry;
    entry.position = position;
  }
}

function isBefore(a: DeadlineEntry, b: DeadlineEntry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** The queue that everything in this process (or thread) shares. Its clock is `performance.now()`. */
export const deadlines: DeadlineQueue = processWide("deadlines", () => new DeadlineQueue());
