/**
 * The order in which a worker is ended: it is asked, then told (SIGTERM), then forced (SIGKILL), each step
 * a fixed time after the one before. Owns the time between the steps, not the steps; it never goes back a step.
 */
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../internal/time/deadline-queue.ts";

/** The means, from the gentlest to the last. None of them throws, whatever has become of the worker. */
export interface StopSteps {
  ask(): void;
  terminate(): void;
  kill(): void;
}

const ORDER = ["ask", "terminate", "kill"] as const satisfies readonly (keyof StopSteps)[];
const LAST = ORDER.length - 1;

/** Ends one worker by degrees. Single use. */
export class StopLadder {
  readonly #steps: StopSteps;
  readonly #queue: DeadlineQueue;
  /** The step taken last; −1 before the first. */
  #step = -1;
  #steppedAtMs = 0;
  #budgetMs = Number.POSITIVE_INFINITY;
  #next: DeadlineEntry | undefined;

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(steps: StopSteps, queue: DeadlineQueue = deadlines) {
    this.#steps = steps;
    this.#queue = queue;
  }

  /**
   * Takes the first step and sets the pace of the others. Called again, it can only shorten the time between
   * them.
   *
   * @param killAfterMs Milliseconds each step may take; 0 goes to the last one at once.
   */
  climb(killAfterMs: number): void {
    if (this.#step === LAST) return;
    if (killAfterMs <= 0) return this.#take(LAST);
    if (this.#step >= 0 && killAfterMs >= this.#budgetMs) return;
    this.#budgetMs = killAfterMs;
    if (this.#step < 0) this.#take(0);
    else this.#arm();
  }

  /** Takes no further step: the worker has gone. */
  end(): void {
    this.#step = LAST;
    this.#disarm();
  }

  #take(step: number): void {
    this.#disarm();
    this.#step = step;
    this.#steppedAtMs = this.#queue.now();
    if (step < LAST) this.#arm();
    // Last, since a step may find the worker gone and end the ladder.
    this.#steps[ORDER[step] ?? "kill"]();
  }

  #arm(): void {
    this.#disarm();
    this.#next = this.#queue.add(this.#steppedAtMs + this.#budgetMs, () => this.#take(this.#step + 1));
  }

  #disarm(): void {
    if (this.#next !== undefined) this.#queue.cancel(this.#next);
    this.#next = undefined;
  }
}
