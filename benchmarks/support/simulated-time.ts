/**
 * Time that runs as fast as there is something to do. The library's deadlines are kept by it, in whatever is imported
 * after this module, which itself imports nothing that has deadlines: import it first.
 */
import { processWide } from "../../src/internal/process-wide.ts";

interface Alarm {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

const heap: Alarm[] = [];
let nowMs = 1_000;
let order = 0;

function isBefore(a: Alarm, b: Alarm): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(alarm: Alarm): void {
  let at = heap.push(alarm) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above] as Alarm;
    if (!isBefore(alarm, parent)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = alarm;
}

function pop(): Alarm | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || first === last) return first;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && isBefore(heap[below + 1] as Alarm, heap[below] as Alarm)) below += 1;
    if (!isBefore(heap[below] as Alarm, last)) break;
    heap[at] = heap[below] as Alarm;
    at = below;
  }
  heap[at] = last;
  return first;
}

/** The present, in milliseconds. */
export function now(): number {
  return nowMs;
}

/** Has something happen later. */
export function after(delayMs: number, run: () => void): Disposable {
  const alarm: Alarm = { atMs: nowMs + delayMs, order: order++, run, cancelled: false };
  push(alarm);
  return {
    [Symbol.dispose]: () => {
      alarm.cancelled = true;
    },
  };
}

/** Runs until nothing is left to happen, and lets promises settle now and then. */
export async function runOut(): Promise<void> {
  for (let done = 1; ; done++) {
    const alarm = pop();
    if (alarm === undefined) return;
    if (alarm.cancelled) continue;
    nowMs = alarm.atMs;
    alarm.run();
    if (done % 1_000 === 0) await new Promise(setImmediate);
  }
}

/** The library's deadlines, as its `DeadlineQueue` has them: a timer counts whole milliseconds. */
const deadlines = {
  now,
  add: (atMs: number, run: () => void): Alarm => deadlines.after(atMs - nowMs, run),
  after(delayMs: number, run: () => void): Alarm {
    const alarm: Alarm = {
      atMs: nowMs + Math.max(1, Math.ceil(delayMs)),
      order: order++,
      run,
      cancelled: false,
    };
    if (alarm.atMs !== Number.POSITIVE_INFINITY) push(alarm);
    return alarm;
  },
  cancel(alarm: Alarm): boolean {
    const wasDue = !alarm.cancelled;
    alarm.cancelled = true;
    return wasDue;
  },
};
processWide("deadlines", () => deadlines);
