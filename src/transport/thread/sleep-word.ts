/**
 * A word in shared memory by which a thread says that it sleeps, so that others wake it only then: to wake a thread that
 * is awake costs as much as to wake one that is not.
 *
 * Whoever is about to sleep says so, then looks once more whether there is something to do, and then waits for the word
 * to change. Whoever has something for it stores that first and then looks at the word. All of it is sequential, so that
 * one of the two sees the other.
 */

const AWAKE = 0;
const ASLEEP = 1;

/** Makes the memory of one word. */
export function createSleepMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

/** One thread's word, in whichever thread. */
export class SleepWord {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /**
   * Wakes the thread if it sleeps. For other threads.
   *
   * @returns Whether it slept.
   */
  wake(): boolean {
    if (Atomics.load(this.#words, 0) === AWAKE) return false;
    if (Atomics.exchange(this.#words, 0, AWAKE) === AWAKE) return false;
    // All that wait: beside the thread itself there may be its promise of an earlier sleep.
    Atomics.notify(this.#words, 0);
    return true;
  }

  /** Says that this thread is about to sleep. */
  fallAsleep(): void {
    Atomics.store(this.#words, 0, ASLEEP);
  }

  /** Says that it is awake. */
  stayAwake(): void {
    Atomics.store(this.#words, 0, AWAKE);
  }

  /** Holds this thread until it is woken, for `limitMs` at most. */
  hold(limitMs: number): void {
    Atomics.wait(this.#words, 0, ASLEEP, limitMs);
  }

  /** A promise that it is woken; undefined if it has been by now. The promise does not keep the thread alive. */
  woken(): Promise<unknown> | undefined {
    // Never with a time limit: V8 keeps what each of these has used.
    const { async, value } = Atomics.waitAsync(this.#words, 0, ASLEEP);
    return async ? value : undefined;
  }
}
