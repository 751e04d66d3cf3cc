/**
 * Keeps the event loop turning for a moment instead of letting the thread sleep, if the next message is likely
 * to be there sooner than the system could wake it. It learns whether that pays, and does nothing if it does
 * not.
 *
 * Putting a thread to sleep and waking it costs 5 µs on a busy machine, and up to 100 µs on a virtual one
 * whose processor has gone idle: more than a short call takes altogether.
 */
import { Patience } from "./patience.ts";

/** How long one wait may spin, for peers on this host. A short call is back within a quarter of it. */
const WINDOW_MS = 0.08;

/** How a thread waits for what is likely to come at once. */
export interface Spinner {
  /** Something is likely to come at once: the thread may wait for it awake. */
  expect(): void;
  /** Something has come. */
  arrived(): void;
}

/** The loop that is kept turning, and its time. */
export interface SpunLoop {
  /** Milliseconds, as those of `performance.now()`. */
  now(): number;
  /** Calls `run` in the loop's next turn. */
  setImmediate(run: () => void): unknown;
}

const THIS_LOOP: SpunLoop = { now: () => performance.now(), setImmediate: (run) => setImmediate(run) };

/** Decides for one thread whether it waits awake. */
export class LoopSpinner implements Spinner {
  readonly #patience: Patience;
  readonly #windowMs: number;
  readonly #loop: SpunLoop;
  #waiting = false;
  #turning = false;
  #untilMs = 0;

  readonly #turn = (): void => {
    if (this.#waiting && this.#loop.now() < this.#untilMs) {
      this.#loop.setImmediate(this.#turn);
      return;
    }
    this.#turning = false;
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#patience.wasted();
  };

  /**
   * @param options `windowMs`: how long one wait may spin, in milliseconds, default 0.08; `processors`: those that
   *   this process may use; `loop`: a parameter so that tests can turn it.
   */
  constructor(
    options: { readonly windowMs?: number; readonly processors?: number; readonly loop?: SpunLoop } = {},
  ) {
    const { windowMs = WINDOW_MS, processors, loop = THIS_LOOP } = options;
    this.#windowMs = windowMs;
    this.#loop = loop;
    this.#patience = new Patience({ processors });
  }

  /** A message is likely to come at once: the loop is kept turning for that long at most, if that has been paying. */
  expect(): void {
    if (!this.#patience.tries()) return;
    this.#waiting = true;
    this.#untilMs = this.#loop.now() + this.#windowMs;
    if (this.#turning) return;
    this.#turning = true;
    this.#loop.setImmediate(this.#turn);
  }

  /** A message has come. */
  arrived(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#patience.paid();
  }
}
