/**
 * Keeps the event loop turning for a moment instead of letting the thread sleep, if the next message is likely
 * to be there sooner than the system could wake it. It learns whether that pays, and does nothing if it does
 * not.
 *
 * Putting a thread to sleep and waking it costs 5 µs on a busy machine, and up to 100 µs on a virtual one
 * whose processor has gone idle: more than a short call takes altogether.
 */
import { availableParallelism } from "node:os";

/** How long one wait may spin, for peers on this host. A short call is back within a quarter of it. */
const WINDOW_MS = 0.08;
/** Each wait that pays earns two, each that does not costs one. */
const MAX_CREDIT = 16;
/**
 * Without credit, this many waits are let pass before the next few are tried: it pays only while both sides are
 * awake.
 */
const PAUSE_WAITS = 32;
const TRIAL_CREDIT = 4;

/** The loop that is kept turning, and its time. */
export interface SpunLoop {
  /** Milliseconds, as those of `performance.now()`. */
  now(): number;
  /** Calls `run` in the loop's next turn. */
  setImmediate(run: () => void): unknown;
}

const THIS_LOOP: SpunLoop = { now: () => performance.now(), setImmediate: (run) => setImmediate(run) };

/** Decides for one thread whether it waits awake. */
export class LoopSpinner {
  /** With one processor, the peer cannot run while this thread spins. */
  readonly #enabled: boolean;
  readonly #windowMs: number;
  readonly #loop: SpunLoop;
  #credit = TRIAL_CREDIT;
  #skipped = 0;
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
    this.#credit -= 1;
  };

  /**
   * @param options `windowMs`: how long one wait may spin, in milliseconds, default 0.08; `processors`: those that
   *   this process may use; `loop`: a parameter so that tests can turn it.
   */
  constructor(
    options: { readonly windowMs?: number; readonly processors?: number; readonly loop?: SpunLoop } = {},
  ) {
    const { windowMs = WINDOW_MS, processors = availableParallelism(), loop = THIS_LOOP } = options;
    this.#windowMs = windowMs;
    this.#loop = loop;
    this.#enabled = processors > 1;
  }

  /** A message is likely to come at once: the loop is kept turning for that long at most, if that has been paying. */
  expect(): void {
    if (!this.#enabled) return;
    if (this.#credit === 0) {
      this.#skipped += 1;
      if (this.#skipped < PAUSE_WAITS) return;
      this.#skipped = 0;
      this.#credit = TRIAL_CREDIT;
    }
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
    this.#credit = Math.min(MAX_CREDIT, this.#credit + 2);
  }
}
