/**
 * How long a record is valid, whether it is announced here or heard from others. Pure; instants are
 * milliseconds on a monotonic clock.
 */

/** From when a record is valid, and for how long. */
export interface RecordLife {
  readonly sinceMs: number;
  readonly lifetimeMs: number;
}

/** How long our own announcements are valid, unless the publisher is told otherwise. */
export const DEFAULT_LIFETIME_MS = 60_000;
/** A shorter life would lapse between two repetitions on a busy network. */
export const MIN_LIFETIME_MS = 3_000;
/**
 * The longest life that we announce, and that we believe of others: a record with a longer life is asked for again
 * after this time.
 */
export const MAX_LIFETIME_MS = 120_000;

/** Reads the lifetime that a record asks for, in milliseconds; 0 takes it back. */
export function lifetimeOf(ttlS: number): number {
  return Math.min(ttlS * 1_000, MAX_LIFETIME_MS);
}

/** When the record lapses. */
export function endOf({ sinceMs, lifetimeMs }: RecordLife): number {
  return sinceMs + lifetimeMs;
}

/** Tells whether the record has lapsed. */
export function isOver(life: RecordLife, nowMs: number): boolean {
  return nowMs >= endOf(life);
}
