/**
 * Whether a worker has anything to do, and since when it has not: kept in shared memory by the thread that runs
 * the tasks, so that another one can tell while that thread is busy.
 */
import { hrtime } from "node:process";

const BUSY_BYTES = 8;
const NANOSECONDS_PER_MS = 1e6;

/** Counts a worker's tasks. Its construction counts as the end of the last one. */
export class Activity {
  /** The memory to pass to {@link idleMsIn} in another thread. */
  readonly memory: SharedArrayBuffer;
  readonly #busy: Int32Array;
  readonly #idleSince: BigInt64Array;

  constructor() {
    this.memory = new SharedArrayBuffer(BUSY_BYTES + BigInt64Array.BYTES_PER_ELEMENT);
    this.#busy = new Int32Array(this.memory, 0, 1);
    this.#idleSince = new BigInt64Array(this.memory, BUSY_BYTES, 1);
    this.idle();
  }

  /** There is something to do. */
  busy(): void {
    Atomics.store(this.#busy, 0, 1);
  }

  /** Nothing is left to do. */
  idle(): void {
    // The clock that all threads of a process share; `performance.now()` is each thread's own.
    Atomics.store(this.#idleSince, 0, hrtime.bigint());
    Atomics.store(this.#busy, 0, 0);
  }
}

/**
 * Tells for how long a worker has had nothing to do, from any thread.
 *
 * @param memory The `memory` of the worker's {@link Activity}.
 * @returns Milliseconds; 0 while there is something to do.
 */
export function idleMsIn(memory: SharedArrayBuffer): number {
  if (Atomics.load(new Int32Array(memory, 0, 1), 0) !== 0) return 0;
  const since = Atomics.load(new BigInt64Array(memory, BUSY_BYTES, 1), 0);
  return Math.max(0, Number(hrtime.bigint() - since) / NANOSECONDS_PER_MS);
}
