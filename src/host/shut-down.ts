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
   * @param work The shut-down itself. It proceeds to its last steps once the promise it is given resolves.
   * @param queue Where time comes from; the shared one unless a test gives another.
   */
  constructor(work: (cutShort: Promise<void>) => Promise<void>, queue: DeadlineQueue = deadlines) {
    this.#queue = queue;
    this.done = work(this.#cutShort.promise);
  }

  /**
   * @param graceMs Milliseconds from now, `Infinity` for no limit; a time later than the present limit changes
   * nothing.
   */
  shorten(graceMs: number): void {
    const endAtMs = this.#queue.now() + graceMs;
    if (endAtMs >= this.#endAtMs) return;
    this.#endAtMs = endAtMs;
    if (graceMs <= 0) this.#cutShort.resolve();
    else this.#queue.add(endAtMs, this.#cutShort.resolve);
  }
}
