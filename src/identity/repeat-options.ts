/**
 * Whether and how the calls of a routine that may run several times are repeated: the options as users give them, and
 * their checked and complete form. What comes of them is in `client/attempts/`.
 */
import {
  assertDuration,
  assertFunction,
  assertInteger,
  assertKnownOptions,
} from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { BackoffPolicy } from "../internal/time/backoff.ts";

/** An attempt that has failed, as {@link RetryOptions.on} sees it. */
export interface FailedAttempt {
  /** Which of the call's attempts it was, counting from 1. */
  readonly attempt: number;
  /** Whether its worker was lost, or broke the protocol: the body may have run, in part or whole. */
  readonly lost: boolean;
}

/** How long to wait before a call is attempted again. */
export interface RetryBackoff {
  /** Before the second attempt, in milliseconds; from 0 to `max`. Default 50, or `max` if that is less. */
  readonly initial?: number | undefined;
  /** Growth from one wait to the next; from 1 to 10. Default 2. */
  readonly factor?: number | undefined;
  /** Where growth ends, in milliseconds; from 0 to 3 600 000, an hour. Default 2 000, or `initial` if that is more. */
  readonly max?: number | undefined;
  /** Largest random deviation in either direction, as a ratio from 0 to 1. Default 0.2. */
  readonly jitter?: number | undefined;
}

/**
 * How many attempts all calls of a routine may make beside their first, in one pool or proxy. Each takes a token; a call
 * that completes brings back a part of one. Where nothing completes any more, `tokens` further attempts are made and no
 * more. In the manner of gRPC's retry throttling.
 */
export interface RetryBudget {
  /** The most that there are, and how many there are at first; an integer from 1 to 1 000 000. Default 10. */
  readonly tokens?: number | undefined;
  /** What a call that completes brings back; from 0 to 1. Default 0.1. */
  readonly ratio?: number | undefined;
}

/** How a call is attempted again after one attempt has failed. */
export interface RetryOptions {
  /** Attempts in all, with the first, hedges not counted; an integer from 1 to 100. Default 3. */
  readonly attempts?: number | undefined;
  /** The waits between them. */
  readonly backoff?: RetryBackoff | undefined;
  /** Bounds further attempts of all calls of the routine in this pool or proxy, hedges included. */
  readonly budget?: RetryBudget | undefined;
  /**
   * Whether to try again after an error, in place of the default: after a worker was lost, and after no error of the
   * body. It is not asked about cancellation and timeouts, which are never retried. What it throws, the call rejects with.
   */
  readonly on?: ((error: unknown, failed: FailedAttempt) => boolean) | undefined;
}

/** How a call that takes long is attempted on another worker as well. */
export interface HedgeOptions {
  /**
   * When: milliseconds after the call was sent to a worker, > 0; or `"p95"`, when it takes longer than 95 of 100 calls
   * of its routine have taken in this pool or proxy, which is known after 20 of them. Default `"p95"`.
   */
  readonly after?: number | "p95" | undefined;
  /** How many more attempts than one may be made so; an integer from 1 to 10. Default 1. */
  readonly max?: number | undefined;
}

/** What calls of an idempotent routine can be told, beside what all can. */
export interface RepeatOptions {
  /** Tries again after an attempt has failed; `false`: not. Default: as the routine says, which by itself is not. */
  readonly retry?: RetryOptions | false | undefined;
  /** Tries on another worker as well what takes long; `false`: not. Default: as the routine says, which by itself is not. */
  readonly hedge?: HedgeOptions | false | undefined;
}

/** {@link RetryOptions}, checked and complete. */
export interface ResolvedRetry {
  readonly attempts: number;
  readonly backoff: BackoffPolicy;
  readonly budget: ResolvedBudget;
  readonly on: RetryOptions["on"];
}

/** {@link RetryBudget}, checked and complete. */
export interface ResolvedBudget {
  readonly tokens: number;
  readonly ratio: number;
}

/** {@link HedgeOptions}, checked and complete. `afterMs` is absent for the learned time. */
export interface ResolvedHedge {
  readonly afterMs: number | undefined;
  readonly max: number;
}

/** How the calls of an idempotent routine are repeated, unless they say otherwise. */
export interface Repetition {
  readonly retry: ResolvedRetry | undefined;
  readonly hedge: ResolvedHedge | undefined;
}

/** Where nothing is said about it. */
export const DEFAULT_BUDGET: ResolvedBudget = { tokens: 100, ratio: 0.1 };

/**
 * Checks how calls are retried and fills in defaults.
 *
 * @throws {@link InvalidOptionError} for the first option that has a wrong type or range.
 */
export function resolveRetry(options: RetryOptions | false | undefined): ResolvedRetry | undefined {
  if (options === undefined || options === false) return undefined;
  assertObject("retry", options, "an object with attempts, backoff, budget and on, or false");
  assertKnownOptions(options, { attempts: true, backoff: true, budget: true, on: true });
  const { attempts = 3, backoff = {}, budget = {}, on } = options;
  assertInteger("retry.attempts", attempts, { least: 1, most: 100 });
  assertObject("retry.backoff", backoff, "an object with initial, factor, max and jitter");
  assertKnownOptions(backoff, { initial: true, factor: true, max: true, jitter: true });
  const { factor = 2, jitter = 0.2 } = backoff;
  const { initial = Math.min(50, backoff.max ?? 50) } = backoff;
  const { max = Math.max(2_000, initial) } = backoff;
  assertDuration("retry.backoff.initial", initial, { most: MAX_PAUSE_MS });
  assertDuration("retry.backoff.max", max, { most: MAX_PAUSE_MS });
  if (initial > max) {
    throw new InvalidOptionError("retry.backoff.initial", {
      value: initial,
      expected: `at most retry.backoff.max, which is ${max}`,
    });
  }
  assertNumber("retry.backoff.factor", factor, { least: 1, most: 10 });
  assertNumber("retry.backoff.jitter", jitter, { least: 0, most: 1 });
  assertObject("retry.budget", budget, "an object with tokens and ratio");
  assertKnownOptions(budget, { tokens: true, ratio: true });
  const { tokens = DEFAULT_BUDGET.tokens, ratio = DEFAULT_BUDGET.ratio } = budget;
  assertInteger("retry.budget.tokens", tokens, { least: 1, most: 1_000_000 });
  assertNumber("retry.budget.ratio", ratio, { least: 0, most: 1 });
  assertFunction("retry.on", on, "a function that says of an error whether to try again");
  return {
    attempts,
    backoff: { baseMs: initial, factor, maxMs: max, jitter },
    budget: { tokens, ratio },
    on,
  };
}

/** One hour: longer waits between attempts are for a scheduler. */
const MAX_PAUSE_MS = 3_600_000;

/**
 * Checks how calls are hedged and fills in defaults.
 *
 * @throws {@link InvalidOptionError} for the first option that has a wrong type or range.
 */
export function resolveHedge(options: HedgeOptions | false | undefined): ResolvedHedge | undefined {
  if (options === undefined || options === false) return undefined;
  assertObject("hedge", options, "an object with after and max, or false");
  assertKnownOptions(options, { after: true, max: true });
  const { after = "p95", max = 1 } = options;
  if (after !== "p95") {
    if (typeof after !== "number") {
      throw new InvalidOptionError("hedge.after", {
        value: after,
        expected: 'milliseconds above 0, or "p95"',
      });
    }
    assertDuration("hedge.after", after, { above: 0, most: MAX_PAUSE_MS });
  }
  assertInteger("hedge.max", max, { least: 1, most: 10 });
  return { afterMs: after === "p95" ? undefined : after, max };
}

/** How a call is repeated: as it says itself, else as its block or its routine does. Undefined: not at all. */
export function repetitionOf(routine: Repetition, call: RepeatOptions | undefined): Repetition | undefined {
  const retry = call?.retry === undefined ? routine.retry : resolveRetry(call.retry);
  const hedge = call?.hedge === undefined ? routine.hedge : resolveHedge(call.hedge);
  return (retry === undefined || retry.attempts === 1) && hedge === undefined ? undefined : { retry, hedge };
}

function assertObject(option: string, value: unknown, expected: string): void {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw new InvalidOptionError(option, { value, expected });
}

function assertNumber(
  option: string,
  value: unknown,
  { least, most }: { readonly least: number; readonly most: number },
): void {
  if (typeof value === "number" && value >= least && value <= most) return;
  throw new InvalidOptionError(option, { value, expected: `a number from ${least} to ${most}` });
}
