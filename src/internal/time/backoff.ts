/** How long to wait before trying again. Pure; keeps no count and sets no timer. */

/** Growth limits of a wait. */
export interface BackoffPolicy {
  /** The first wait, in milliseconds. */
  readonly baseMs: number;
  /** Growth from one attempt to the next, at least 1. */
  readonly factor: number;
  /** Where growth ends, in milliseconds, before jitter. */
  readonly maxMs: number;
  /** Largest random deviation in either direction, as a ratio from 0 to 1. */
  readonly jitter: number;
}

/**
 * 1 s, ×1.6, up to 120 s, ±20 %.
 *
 * @see gRPC connection backoff: https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md
 * @internal for tests as well
 */
export const DEFAULT_BACKOFF: BackoffPolicy = { baseMs: 1_000, factor: 1.6, maxMs: 120_000, jitter: 0.2 };

/**
 * Computes how long to wait before trying again after `attempt` failures in a row.
 *
 * The wait grows geometrically from `baseMs` and stops growing at `maxMs`. Jitter keeps those who failed
 * together from trying again in step.
 *
 * @param attempt Consecutive failures so far, counting from 1.
 * @param policy Growth limits.
 * @param random Source of uniform numbers in [0, 1); a parameter so that tests can fix it.
 * @returns Milliseconds to wait, between 0 and `maxMs × (1 + jitter)`.
 * @throws RangeError if `attempt` is not a positive integer: a count that was never raised is a bug here.
 * @example
 * backoffDelayMs(1, DEFAULT_BACKOFF, () => 0); // => 800
 */
export function backoffDelayMs(
  attempt: number,
  policy: BackoffPolicy = DEFAULT_BACKOFF,
  random: () => number = Math.random,
): number {
  if (!Number.isSafeInteger(attempt) || attempt < 1) {
    throw new RangeError(`Cannot compute a wait: 'attempt' must be a positive integer, got ${attempt}`);
  }
  const waitMs = Math.min(policy.maxMs, policy.baseMs * policy.factor ** (attempt - 1));
  return waitMs * (1 + policy.jitter * (2 * random() - 1));
}
