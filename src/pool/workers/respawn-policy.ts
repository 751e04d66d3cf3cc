/** How long a pool waits before it replaces an own worker that has died, and when it calls that a loop. Data only. */
import type { BackoffPolicy } from "../../internal/time/backoff.ts";

/** The first replacement starts after a tenth of a second; a worker that keeps dying is replaced every half minute. */
export const RESPAWN: BackoffPolicy = { baseMs: 100, factor: 2, maxMs: 30_000, jitter: 0.2 };
/**
 * The longest pause after a worker that had come up: it can come up again, since a call or somebody outside
 * ended it, and the calls of others wait meanwhile.
 */
export const RESPAWN_SERVED: BackoffPolicy = { ...RESPAWN, maxMs: 2_000 };
/** If a worker lived this long, its death, or an import that fails in it, does not count towards a loop. */
export const SOUND_MS = 10_000;
/** Deaths, or failed imports, in a row that are reported as a loop. */
export const LOOP = 3;
