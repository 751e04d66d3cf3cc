/**
 * The order in which a worker is ended: it is asked, and after a fixed time it is killed. No SIGTERM is sent in
 * between: processes ignore it, as they do SIGINT, because ending them is their parent's job. It decides the order and
 * the times; its maker (`WorkerLife`) supplies the functions that ask and that kill. It never goes back a step.
 */
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../internal/time/deadline-queue.ts";

/** How to ask and how to kill. Neither throws, even if the worker has gone. */
export interface StopSteps {
  ask(): void;
  /** In a way that the worker cannot hold up. */
  kill(): void;
}

/** Ends one worker by degrees. Single use. */
export class StopLadder {
  readonly #steps: StopSteps;
  readonly #queue: DeadlineQueue;
  /** The step taken last; `over` once the worker has been killed or has gone. */
  #step: "none" | "asked" | "over" = "none";
  #askedAtMs = 0;
  #budgetMs = Number.POSITIVE_INFINITY;
  #kill: DeadlineEntry | undefined;

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(steps: StopSteps, queue: DeadlineQueue = deadlines) {
    this.#steps = steps;
    this.#queue = queue;
  }

  /**
   * Asks, and kills after the time given. Called again, it can only shorten that time.
   *
   * @param killAfterMs Milliseconds from the moment of asking; 0 kills at once, `Infinity` never.
   */
  climb(killAfterMs: number): void {
    if (this.#step === "over") return;
    if (killAfterMs <= 0) return this.#takeLast();
    const first = this.#step === "none";
    if (!first && killAfterMs >= this.#budgetMs) return;
    this.#budgetMs = killAfterMs;
    if (first) {
      this.#step = "asked";
      this.#askedAtMs = this.#queue.now();
    }
    this.#arm();
    // Last, since the step may find the worker gone and end the ladder.
    if (first) this.#steps.ask();
  }

  /** Takes no further step: the worker has gone. */
  end(): void {
    this.#step = "over";
    this.#disarm();
  }

  #takeLast(): void {
    this.end();
    this.#steps.kill();
  }

  #arm(): void {
    this.#disarm();
    this.#kill = this.#queue.add(this.#askedAtMs + this.#budgetMs, () => this.#takeLast());
  }

  #disarm(): void {
    if (this.#kill !== undefined) this.#queue.cancel(this.#kill);
    this.#kill = undefined;
  }
}
