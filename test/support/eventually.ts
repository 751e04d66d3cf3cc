/** Waiting for a condition that nothing announces, within a bound. */
import { setTimeout as pause } from "node:timers/promises";

/** How long and how often to look. */
export interface EventuallyOptions {
  /** Milliseconds until it counts as failed, a guard against waiting for ever, on a busy machine too. Default 60 000. */
  readonly withinMs?: number;
  /** Milliseconds between two looks. Default 5. */
  readonly everyMs?: number;
  /** Completes "did not become true: …". */
  readonly what?: string;
}

/**
 * Resolves with the first truthy value that `condition` gives.
 *
 * @throws Error when the time is over; its cause is the condition's last error, if it threw.
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<NonNullable<T>> {
  const { withinMs = 60_000, everyMs = 5, what = condition.toString() } = options;
  const untilMs = performance.now() + withinMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= untilMs)
      throw new Error(`Within ${withinMs} ms did not become true: ${what}`, { cause });
    await pause(everyMs);
  }
}
