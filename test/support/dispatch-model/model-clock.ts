/**
 * Time that only a schedule moves: for all that has deadlines, and for `performance.now()`. For a process of its own, since
 * it is so for good from the import of this module on.
 */
import { systemClock } from "../../../src/internal/time/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

let nowMs = 1_000;
let timers: Timer[] = [];

// The clock that the queue of deadlines has; that of the process is read by what needs no exact time.
systemClock.now = now;
systemClock.setTimeout = (run, delayMs) => {
  const timer = { atMs: nowMs + delayMs, run };
  timers.push(timer);
  return {
    [Symbol.dispose]: () => {
      timers = timers.filter((other) => other !== timer);
    },
  };
};
Object.defineProperty(performance, "now", { value: now, configurable: true });

/** The present, in milliseconds. */
function now(): number {
  return nowMs;
}

/** Lets everything happen that follows from what has just been done, promises included. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Moves time on, and lets promises settle after each timer. */
export async function advance(ms: number): Promise<void> {
  const untilMs = nowMs + ms;
  for (;;) {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.atMs <= untilMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
    }
    if (next === undefined) break;
    const due = next;
    timers = timers.filter((other) => other !== due);
    nowMs = Math.max(nowMs, due.atMs);
    due.run();
    await settle();
  }
  nowMs = untilMs;
}
