/** How long a member whose connection was lost, or could not be made, waits before it tries again. Data only. */
import type { BackoffPolicy } from "../../internal/time/backoff.ts";

/** Quick at first, since most losses on one host are restarts. */
export const RECONNECT: BackoffPolicy = { baseMs: 50, factor: 1.6, maxMs: 10_000, jitter: 0.2 };
