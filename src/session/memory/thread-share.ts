/**
 * What two threads of a process hold for peers, of one budget: each writes how much it is and sees what the other does, in
 * memory that both share.
 */

/** Counts are of 32 bits. */
const UNIT_BYTES = 1024;

/** One thread's view of it. */
export class ThreadShare {
  readonly #units: Int32Array;
  readonly #own: 0 | 1;

  /**
   * @param memory From {@link createShareMemory}.
   * @param own Which thread this is; the other is given the other number.
   */
  constructor(memory: SharedArrayBuffer, own: 0 | 1) {
    this.#units = new Int32Array(memory);
    this.#own = own;
  }

  /** What the other thread holds, in bytes. */
  get otherBytes(): number {
    return Atomics.load(this.#units, 1 - this.#own) * UNIT_BYTES;
  }

  /** This thread holds so many bytes from now on. */
  report(bytes: number): void {
    Atomics.store(this.#units, this.#own, Math.ceil(bytes / UNIT_BYTES));
  }
}

/** Makes the memory for two threads. */
export function createShareMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
}
