/** The time that a worker's calls get once it is to end: it can be shortened, never lengthened. */
import { createDeferred } from "../internal/deferred.ts";
import { type DeadlineQueue, deadlines } from "../internal/time/deadline-queue.ts";

/** One shut-down under way. */
export class ShutDown {
  /** Settles as the work does. */
  readonly done: Promise<void>;
  readonly #cutShort = createDeferred<void>();
  readonly #queue: DeadlineQueue;
  #endAtMs = Number.POSITIVE_INFINITY;

  /**
   * @param work What is done; it goes on to its last steps once the promise that it is given resolves.
   * @param queue Where time comes from; the shared one unless a test gives another.
   */
  constructor(work: (cutShort: Promise<void>) => Promise<void>, queue: DeadlineQueue = deadlines) {
    this.#queue = queue;
    this.done = work(this.#cutShort.promise);
  }

  /** @param graceMs Milliseconds from now, `Infinity` for no limit; later than what holds already changes nothing. */
  shorten(graceMs: number): void {
    const endAtMs = this.#queue.now() + graceMs;
    if (endAtMs >= this.#endAtMs) return;
    this.#endAtMs = endAtMs;
    if (graceMs <= 0) this.#cutShort.resolve();
    else this.#queue.add(endAtMs, this.#cutShort.resolve);
  }
}
