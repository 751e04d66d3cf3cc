/**
 * How long a record counts: one that is announced here, and one that is heard from others. Pure; instants are
 * milliseconds on a monotonic clock.
 */

/** From when, and for how long. */
export interface RecordLife {
  readonly sinceMs: number;
  readonly lifetimeMs: number;
}

/** How long what is announced here counts, unless the publisher is told otherwise. */
export const DEFAULT_LIFETIME_MS = 60_000;
/** A shorter life would lapse between two repetitions on a busy network. */
export const MIN_LIFETIME_MS = 3_000;
/** The longest life that may be announced, and that is believed of others: a longer one is asked about again before it counts on. */
export const MAX_LIFETIME_MS = 120_000;

/** Reads the lifetime that a record asks for, in milliseconds; 0 takes it back. */
export function lifetimeOf(ttlS: number): number {
  return Math.min(ttlS * 1_000, MAX_LIFETIME_MS);
}

/** When it ceases to count. */
export function endOf({ sinceMs, lifetimeMs }: RecordLife): number {
  return sinceMs + lifetimeMs;
}

/** Tells whether it counts no more. */
export function isOver(life: RecordLife, nowMs: number): boolean {
  return nowMs >= endOf(life);
}
