/**
 * What the attempts of a routine's calls have taught one dispatcher: how many of the tokens for further attempts are
 * spent, and how long all but five of a hundred attempts take. There is one for each routine whose calls are repeated.
 */

import type { ResolvedBudget } from "../../identity/repeat-options.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";

/** The part of attempts that are faster than what is learned. */
const QUANTILE = 0.95;
/** Attempts before something is known. */
const FIRST_ATTEMPTS = 20;
/** What takes no time that the clock shows. */
const LEAST_MS = 0.01;
/** How fast the estimate follows: nine rises in a row double it, and thirteen falls take off a twentieth. */
const STEP = 0.08;
const RISE = Math.exp(STEP * QUANTILE);
const FALL = Math.exp(-STEP * (1 - QUANTILE));

/** Of one routine. */
export class AttemptHistory {
  /** Whether somebody has been told that calls are not repeated for want of tokens. */
  isToldOf = false;
  /**
   * Tokens taken and not brought back. The calls of a routine may have budgets of different sizes: all count the same
   * tokens, and each looks at its own limit.
   */
  #spent = 0;
  #seen = 0;
  #p95Ms = 0;

  /** Takes a token for a further attempt. @returns False if none is left. */
  take({ tokens }: ResolvedBudget): boolean {
    if (this.#spent + 1 > tokens) return false;
    this.#spent += 1;
    return true;
  }

  /** Brings back a token that was taken for an attempt that was not made. */
  giveBack(): void {
    this.#spent = Math.max(0, this.#spent - 1);
  }

  /** A call has completed. */
  completed({ ratio }: ResolvedBudget): void {
    this.#spent = Math.max(0, this.#spent - ratio);
  }

  /** The time that 95 of 100 attempts do not exceed, in milliseconds; absent while too few were seen. */
  get p95Ms(): number | undefined {
    return this.#seen < FIRST_ATTEMPTS ? undefined : this.#p95Ms;
  }

  /**
   * Learns from an attempt. Once something is known the estimate rises with each attempt that exceeds it and falls with
   * each that does not, in the ratio in which these should be, so that in the long run one of twenty exceeds it,
   * whatever the distribution. For that nothing need be known of a slow attempt but that it was slow.
   *
   * @param tookMs How long it took, in milliseconds.
   * @param isOver Whether it has answered: of one that was given up, it is known only that it would have taken longer.
   */
  learn(tookMs: number, isOver: boolean): void {
    if (this.#seen < FIRST_ATTEMPTS) {
      if (!isOver) return;
      this.#seen += 1;
      this.#p95Ms = Math.max(this.#p95Ms, tookMs, LEAST_MS);
    } else if (tookMs > this.#p95Ms) this.#p95Ms *= RISE;
    else if (isOver) this.#p95Ms *= FALL;
  }
}

/** Of all routines of one dispatcher. */
export class AttemptHistories {
  readonly #byRoutine = new WeakMap<RoutineDefinition, AttemptHistory>();

  of(definition: RoutineDefinition): AttemptHistory {
    let history = this.#byRoutine.get(definition);
    if (history === undefined) {
      history = new AttemptHistory();
      this.#byRoutine.set(definition, history);
    }
    return history;
  }
}
