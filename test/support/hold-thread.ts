/** Holds the thread as a long computation does, without taking the processor from the other tests. */

const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));

/** Returns after so many milliseconds; until then, nothing else happens in this thread. */
export function holdThread(ms: number): void {
  Atomics.wait(nobodyWakes, 0, 0, ms);
}
