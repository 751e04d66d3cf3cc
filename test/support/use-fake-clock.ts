/** Time that stands still until a test moves it. */
import { type Clock, MAX_TIMER_MS } from "../../src/internal/time/clock.ts";

interface FakeTimer {
  readonly atMs: number;
  readonly run: () => void;
}

/** A clock under a test's control. */
export interface FakeClock extends Clock, Disposable {
  /** Timers set and neither run nor disposed. */
  readonly timerCount: number;
  /** Timers ever set. */
  readonly timersSet: number;
  /**
   * Moves time on, running timers at their instants, and lets promises settle after each.
   *
   * @param ms Milliseconds to move, at least 0.
   */
  advance(ms: number): Promise<void>;
}

/** Makes a clock that starts at `startMs` (default 1 000). Disposing it drops its timers. */
export function useFakeClock(startMs = 1_000): FakeClock {
  let nowMs = startMs;
  let timersSet = 0;
  const timers = new Set<FakeTimer>();
  return {
    now: () => nowMs,
    setTimeout(run, delayMs) {
      if (!(delayMs >= 0 && delayMs <= MAX_TIMER_MS)) throw new RangeError(`A timer of ${delayMs} ms`);
      const timer = { atMs: nowMs + delayMs, run };
      timersSet += 1;
      timers.add(timer);
      return { [Symbol.dispose]: () => void timers.delete(timer) };
    },
    get timerCount() {
      return timers.size;
    },
    get timersSet() {
      return timersSet;
    },
    async advance(ms) {
      const targetMs = nowMs + ms;
      for (;;) {
        let next: FakeTimer | undefined;
        for (const timer of timers) {
          if (timer.atMs <= targetMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
        }
        if (next === undefined) break;
        timers.delete(next);
        nowMs = Math.max(nowMs, next.atMs);
        next.run();
        await settled();
      }
      nowMs = targetMs;
      await settled();
    },
    [Symbol.dispose]: () => timers.clear(),
  };
}

/** Resolves when the promise jobs queued so far, and those they queue, have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
