/**
 * How many calls may wait in a pool, and what becomes of further ones: each fails at once, or is held until there is a
 * place for it, in the order in which the others wait. Also tells who waits for that until no call waits any more. Calls
 * made inside tasks are not counted out: they never wait for room. Nor are those that come back from a worker.
 */
import type { CallRequest } from "../../context/dispatcher.ts";
import { QueueFullError } from "../../errors/queue-full-error.ts";
import { PriorityQueue } from "../../internal/queue/priority-queue.ts";
import type { Call } from "../call/call.ts";
import { HeldCall } from "./held-call.ts";

/** What happens to a call when as many wait as may: it fails with `QueueFullError`, or waits itself for a place. */
export type Overflow = "reject" | "wait";

/** What is told of a queue with a bound. */
export type QueueEvent =
  /** As many calls wait as may: the first since then has been refused, or is held. */
  | { readonly type: "queue-full"; readonly queued: number; readonly overflow: Overflow }
  /** No call waits any more in a queue that was full. */
  | { readonly type: "queue-drained" };

/** Told of a queue. */
export interface QueueEventSink {
  queueChanged?(event: QueueEvent): void;
}

/** Settings and surroundings of a bound. */
export interface QueueBoundOptions {
  /** Calls that may wait; absent: any number. */
  readonly maxQueue: number | undefined;
  readonly overflow: Overflow;
  /** How many wait, those not counted that are held. */
  readonly queued: () => number;
  /** Takes a call that has been held, and now has a place. */
  readonly enqueue: (call: Call) => void;
  readonly events?: QueueEventSink | undefined;
}

/** The bound of one queue. */
export class QueueBound {
  /** Whether anybody waits for the queue to become shorter. Every call that leaves it asks this. */
  watched = false;
  /** Whether calls are held. Every call asks this. */
  readonly mayHold: boolean;
  readonly #options: QueueBoundOptions;
  /** Not made yet. */
  readonly #unmade = new PriorityQueue<HeldCall>();
  /** Made: generators, whose calls are made before their first step, and others that could have found a worker. */
  readonly #made = new PriorityQueue<Call>();
  /** Those that have been given a place and are just being made. */
  readonly #admitted = new Set<HeldCall>();
  #waiting: Array<() => void> = [];
  /** Those who wait until all are made. */
  #making: Array<() => void> = [];
  #full = false;
  #checking = false;

  constructor(options: QueueBoundOptions) {
    this.#options = options;
    this.mayHold = options.maxQueue !== undefined && options.overflow === "wait";
  }

  /** Calls that may wait; absent: any number. */
  get maxQueue(): number | undefined {
    return this.#options.maxQueue;
  }

  /** Calls that are held. */
  get held(): number {
    return this.#unmade.size + this.#made.size + this.#admitted.size;
  }

  /** Those of them that have not been made. */
  get unmade(): number {
    return this.#unmade.size + this.#admitted.size;
  }

  /** The one that has been held longest, in milliseconds since; 0 without one. */
  get heldMs(): number {
    const oldest = this.#unmade.oldest();
    return oldest === undefined ? 0 : performance.now() - oldest.sinceMs;
  }

  /**
   * Whether a call that comes now is to be held before it is made.
   *
   * @param inLine Whether it would have to wait behind others.
   */
  holds(request: CallRequest, inLine: boolean): boolean {
    const { maxQueue } = this.#options;
    if (!this.mayHold || maxQueue === undefined || request.parent !== undefined) return false;
    return this.held > 0 || (inLine && this.#isFull(maxQueue));
  }

  /** Holds a call that has not been made. */
  hold(request: CallRequest): HeldCall {
    const held = new HeldCall(request);
    if (!held.isOver) {
      this.#unmade.push(held);
      this.#overflows();
      this.check(); // there may be a place by now
    }
    return held;
  }

  /** A call that has been held is being made, or has ended before. */
  release(held: HeldCall): void {
    this.#admitted.delete(held);
    this.check();
  }

  /** Whether a call that has to wait may. If it may not, it has failed, or is held. */
  admits(call: Call): boolean {
    const { maxQueue, overflow } = this.#options;
    if (maxQueue === undefined || call.nested || call.waitsSinceMs > 0 || call.lastUid !== "") return true;
    if (!this.#isFull(maxQueue)) return true;
    if (overflow === "wait") {
      call.waits();
      this.#made.push(call);
    }
    this.#overflows();
    if (overflow === "reject") call.fail(new QueueFullError(call.routine, maxQueue));
    return false;
  }

  /** Resolves when no call waits. */
  drained(): Promise<void> {
    if (this.#isDrained()) return Promise.resolve();
    this.watched = true;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when none is held that has not been made. */
  allMade(): Promise<void> {
    if (this.unmade === 0) return Promise.resolve();
    this.watched = true;
    return new Promise((resolve) => this.#making.push(resolve));
  }

  /** Looks, once the code that is running has finished, whether there is a place, or nobody waits any more. */
  check(): void {
    this.watched = true;
    if (this.#checking) return;
    this.#checking = true;
    queueMicrotask(() => {
      this.#checking = false;
      this.#look();
    });
  }

  /** Ends those that have not been made. */
  abortAll(makeReason: () => unknown): void {
    for (const held of this.#unmade.drain()) held.abort(makeReason());
  }

  /** Fails all that are held. */
  failAll(makeError: () => Error): void {
    for (const call of this.#made.drain()) call.fail(makeError());
    for (const held of this.#unmade.drain()) held.fail(makeError());
  }

  #look(): void {
    const { maxQueue = Number.POSITIVE_INFINITY, enqueue, events } = this.#options;
    while (!this.#isFull(maxQueue)) {
      const call = this.#made.shift();
      if (call !== undefined) {
        if (!call.settled) enqueue(call);
        continue;
      }
      const held = this.#unmade.shift();
      if (held === undefined) break;
      this.#admitted.add(held);
      held.admit();
    }
    if (this.unmade === 0) {
      const making = this.#making;
      this.#making = [];
      for (const resolve of making) resolve();
    }
    if (this.#isDrained()) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
      if (this.#full) events?.queueChanged?.({ type: "queue-drained" });
      this.#full = false;
    }
    this.watched = this.#full || this.#waiting.length > 0 || this.held > 0;
  }

  #isFull(maxQueue: number): boolean {
    return this.#options.queued() + this.#admitted.size >= maxQueue;
  }

  #isDrained(): boolean {
    return this.held === 0 && this.#options.queued() === 0;
  }

  #overflows(): void {
    this.watched = true;
    if (this.#full) return;
    this.#full = true;
    const { overflow, queued, events } = this.#options;
    events?.queueChanged?.({ type: "queue-full", queued: queued(), overflow });
  }
}
