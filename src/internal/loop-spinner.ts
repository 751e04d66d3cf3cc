/**
 * Keeps the event loop turning for a moment instead of letting the thread sleep, if the next message is likely
 * to be there sooner than the system could wake it. It learns whether that pays, and does nothing if it does
 * not.
 *
 * Putting a thread to sleep and waking it costs 5 µs on a busy machine, and up to 100 µs on a virtual one
 * whose processor has gone idle: more than a short call takes altogether.
 */
import { type Crowding, crowding } from "./crowding.ts";
import { Patience } from "./patience.ts";

/** How long one wait may spin, for peers on this host. A short call is back within a quarter of it. */
const WINDOW_MS = 0.08;

/**
 * Only what comes again within so many windows is waited for: a short call that follows another one at once, also where
 * both sides have to be woken for it. One a millisecond, as a server has them, would be waited for in vain.
 */
const NEAR_WINDOWS = 5;

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
  readonly #crowding: Crowding;
  /** When something came last, and how long after what came before it. */
  #arrivedMs = Number.NEGATIVE_INFINITY;
  #apartMs = Number.POSITIVE_INFINITY;
  #waiting = false;
  #turning = false;
  #untilMs = 0;
  /** When the loop was last seen to turn while it was kept turning. */
  #turnedMs = 0;

  readonly #turn = (): void => {
    if (this.#waiting) {
      const nowMs = this.#loop.now();
      const lost = this.#turnedMs > 0 && this.#crowding.stepped(this.#turnedMs, nowMs);
      this.#turnedMs = nowMs;
      if (nowMs < this.#untilMs && !lost) {
        this.#loop.setImmediate(this.#turn);
        return;
      }
    }
    this.#turning = false;
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#patience.wasted();
  };

  /**
   * @param options `windowMs`: how long one wait may spin, in milliseconds, default 0.08; `processors`: those that
   *   this process may use; `loop`, `crowding`: parameters so that tests can turn the one, and
   *   fill the other.
   */
  constructor(
    options: {
      readonly windowMs?: number;
      readonly processors?: number;
      readonly loop?: SpunLoop;
      readonly crowding?: Crowding;
    } = {},
  ) {
    const { windowMs = WINDOW_MS, processors, loop = THIS_LOOP } = options;
    this.#windowMs = windowMs;
    this.#loop = loop;
    this.#crowding = options.crowding ?? crowding;
    this.#patience = new Patience({ processors });
  }

  /** A message is likely to come at once: the loop is kept turning for that long at most, if that has been paying. */
  expect(): void {
    const nowMs = this.#loop.now();
    const nearMs = NEAR_WINDOWS * this.#windowMs;
    if (this.#apartMs > nearMs || nowMs - this.#arrivedMs > nearMs) return;
    if (!this.#patience.tries() || this.#crowding.rests(nowMs)) return;
    this.#waiting = true;
    this.#untilMs = nowMs + this.#windowMs;
    this.#turnedMs = 0; // until the first turn, code of the user may have the time
    if (this.#turning) return;
    this.#turning = true;
    this.#loop.setImmediate(this.#turn);
  }

  /** A message has come. */
  arrived(): void {
    const nowMs = this.#loop.now();
    this.#apartMs = nowMs - this.#arrivedMs;
    this.#arrivedMs = nowMs;
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#patience.paid();
  }
}
