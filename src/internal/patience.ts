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
  #credit = TRIAL_CREDIT;
  #skipped = 0;

  /** @param processors Those that this process may use; a parameter for tests. */
  constructor(processors: number = availableParallelism()) {
    this.#enabled = processors > 1;
  }

  /** Whether the next wait is to be awake. */
  tries(): boolean {
    if (!this.#enabled) return false;
    if (this.#credit > 0) return true;
    this.#skipped += 1;
    if (this.#skipped < PAUSE_WAITS) return false;
    this.#skipped = 0;
    this.#credit = TRIAL_CREDIT;
    return true;
  }

  /** What was waited for has come in time. */
  paid(): void {
    this.#credit = Math.min(MAX_CREDIT, this.#credit + 2);
  }

  /** It has not. */
  wasted(): void {
    this.#credit -= 1;
  }
}
