/**
 * Whether a worker has anything to do, since when it has not, and whether it still takes calls: kept in shared memory by
 * the thread that runs the tasks, so that another one can tell while that thread is busy.
 */

const BUSY = 0;
const LEAVING = 1;
/** Two numbers of 32 bits. */
const FLAG_BYTES = 8;
const NANOSECONDS_PER_MS = 1e6;

/** Counts a worker's tasks. Its construction counts as the end of the last one. */
export class Activity {
  /** The memory to pass to {@link idleMsIn} and {@link isLeaving} in another thread. */
  readonly memory: SharedArrayBuffer;
  readonly #flags: Int32Array;
  readonly #idleSince: BigInt64Array;

  constructor() {
    this.memory = new SharedArrayBuffer(FLAG_BYTES + BigInt64Array.BYTES_PER_ELEMENT);
    this.#flags = flagsIn(this.memory);
    this.#idleSince = new BigInt64Array(this.memory, FLAG_BYTES, 1);
    this.idle();
  }

  /** There is something to do. */
  busy(): void {
    Atomics.store(this.#flags, BUSY, 1);
  }

  /** Nothing is left to do. */
  idle(): void {
    // The clock that all threads of a process share; `performance.now()` is each thread's own.
    Atomics.store(this.#idleSince, 0, process.hrtime.bigint());
    Atomics.store(this.#flags, BUSY, 0);
  }

  /** From now on calls are refused. Told before the first one is. */
  leaving(): void {
    Atomics.store(this.#flags, LEAVING, 1);
  }
}

/**
 * Tells for how long a worker has had nothing to do, from any thread.
 *
 * @param memory The `memory` of the worker's {@link Activity}.
 * @returns Milliseconds; 0 while there is something to do.
 */
export function idleMsIn(memory: SharedArrayBuffer): number {
  if (Atomics.load(flagsIn(memory), BUSY) !== 0) return 0;
  const since = Atomics.load(new BigInt64Array(memory, FLAG_BYTES, 1), 0);
  return Math.max(0, Number(process.hrtime.bigint() - since) / NANOSECONDS_PER_MS);
}

/**
 * Tells whether a worker refuses calls because it ends, from any thread.
 *
 * @param memory The `memory` of the worker's {@link Activity}.
 */
export function isLeaving(memory: SharedArrayBuffer): boolean {
  return Atomics.load(flagsIn(memory), LEAVING) !== 0;
}

function flagsIn(memory: SharedArrayBuffer): Int32Array {
  return new Int32Array(memory, 0, FLAG_BYTES / Int32Array.BYTES_PER_ELEMENT);
}
