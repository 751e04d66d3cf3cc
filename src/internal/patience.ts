/**
 * Learns whether it pays to wait awake for a moment instead of letting the thread sleep: only while what is waited for
 * tends to come within that moment.
 */
import { availableParallelism } from "node:os";

/** Each wait that pays earns two, each that does not costs one. */
const MAX_CREDIT = 16;
/**
 * Without credit, this many waits are let pass before the next few are tried: it pays only while both sides are
 * awake.
 */
const PAUSE_WAITS = 32;
const TRIAL_CREDIT = 4;

/** What one thread has learned of one kind of wait. */
export class Patience {
  /** With one processor, the peer cannot run while this thread waits awake. */
  readonly #enabled: boolean;
  readonly #firstPause: number;
  readonly #lastPause: number;
  #credit = TRIAL_CREDIT;
  #pause: number;
  #skipped = 0;

  /**
   * @param options `firstPause`: waits that are let pass when it has not paid for the first time; then twice as many with
   *   each trial that does not pay either, up to `lastPause`. Default: 32, always. `processors`: those that this process
   *   may use; a parameter for tests.
   */
  constructor(
    options: {
      readonly firstPause?: number;
      readonly lastPause?: number;
      readonly processors?: number | undefined;
    } = {},
  ) {
    const { firstPause = PAUSE_WAITS, lastPause = firstPause, processors = availableParallelism() } = options;
    this.#enabled = processors > 1;
    this.#firstPause = firstPause;
    this.#lastPause = lastPause;
    this.#pause = firstPause;
  }

  /** Whether the next wait is to be awake. */
  tries(): boolean {
    if (!this.#enabled) return false;
    if (this.#credit > 0) return true;
    this.#skipped += 1;
    if (this.#skipped < this.#pause) return false;
    this.#skipped = 0;
    this.#credit = this.#firstPause < this.#lastPause ? 1 : TRIAL_CREDIT;
    this.#pause = Math.min(this.#lastPause, 2 * this.#pause);
    return true;
  }

  /** What was waited for has come in time. */
  paid(): void {
    this.#credit = Math.min(MAX_CREDIT, this.#credit + 2);
    this.#pause = this.#firstPause;
  }

  /** It has not. */
  wasted(): void {
    this.#credit -= 1;
  }
}
