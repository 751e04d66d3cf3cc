/**
 * Keeps a repeated message from flooding: per key, the first goes out at once, an identical one at most once
 * per interval with the number held back, a changed one at once or, without `changedAtOnce`, by the same rule.
 *
 * Sets no timer: the number held back is told with the next message of the key. Keys may come from peers,
 * so only the most recent ones are remembered.
 */
import { type Clock, systemClock } from "./clock.ts";

/** How a throttle lets messages through. */
export interface ThrottleOptions {
  /** Least time between identical messages of one key, in milliseconds. */
  readonly intervalMs: number;
  /** Whether a message that differs from the last of its key goes out at once, or waits like the others. Default true. */
  readonly changedAtOnce?: boolean;
  /** The largest number of keys remembered; the one not used for longest is forgotten first. Default 1 000. */
  readonly keyLimit?: number;
  /** Where time comes from; a parameter for tests. */
  readonly clock?: Pick<Clock, "now">;
}

interface LastMessage {
  readonly text: string;
  readonly atMs: number;
  suppressed: number;
}

/**
 * Makes a rate limit in front of `emit`.
 *
 * @param emit Receives a message that goes out, and how many messages of its key were held back since the last.
 * @returns Offers a message; tells whether it went out.
 * @example
 * const offer = createThrottle((text) => warn("MERINO_DISCOVERY", text), { intervalMs: 60_000 });
 * offer(worker.uid, "cannot connect"); // goes out
 * offer(worker.uid, "cannot connect"); // does not
 */
export function createThrottle(
  emit: (text: string, suppressed: number) => void,
  options: ThrottleOptions,
): (key: string, text: string) => boolean {
  const { intervalMs, changedAtOnce = true, keyLimit = 1_000, clock = systemClock } = options;
  const last = new Map<string, LastMessage>();
  return (key, text) => {
    const now = clock.now();
    const previous = last.get(key);
    if (previous !== undefined) {
      // Taken out and put back: the map's order is the order of last mention.
      last.delete(key);
      const sameNews = previous.text === text || !changedAtOnce;
      if (sameNews && now - previous.atMs < intervalMs) {
        previous.suppressed += 1;
        last.set(key, previous);
        return false;
      }
    }
    last.set(key, { text, atMs: now, suppressed: 0 });
    if (last.size > keyLimit) {
      const oldest = last.keys().next();
      if (!oldest.done) last.delete(oldest.value);
    }
    emit(text, previous?.suppressed ?? 0);
    return true;
  };
}
