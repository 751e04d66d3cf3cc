/**
 * One direction of a bare ring in shared memory: slots of two doubles, one writer and one reader. What a carrier over
 * shared memory can be at best: no frames, no codec, no errors. Whoever waits does so on the word `HEAD`.
 */
const SLOTS = 1024;
const [HEAD, TAIL] = [0, 1];

export class Ring {
  static bytes = 8 + SLOTS * 16;
  #words;
  #slots;

  constructor(memory) {
    this.#words = new Int32Array(memory, 0, 2);
    this.#slots = new Float64Array(memory, 8);
  }

  /** @returns Whether there was room. */
  push(x, y) {
    const head = Atomics.load(this.#words, HEAD);
    if (head - Atomics.load(this.#words, TAIL) === SLOTS) return false;
    const slot = (head % SLOTS) * 2;
    this.#slots[slot] = x;
    this.#slots[slot + 1] = y;
    Atomics.store(this.#words, HEAD, head + 1);
    return true;
  }

  /** Wakes the reader, if it waits. */
  announce() {
    Atomics.notify(this.#words, HEAD, 1);
  }

  /** Takes all there is. */
  take(each) {
    const head = Atomics.load(this.#words, HEAD);
    let tail = Atomics.load(this.#words, TAIL);
    for (; tail < head; tail++) {
      const slot = (tail % SLOTS) * 2;
      each(this.#slots[slot], this.#slots[slot + 1]);
    }
    Atomics.store(this.#words, TAIL, tail);
  }

  /** Blocks until there is something. */
  wait() {
    Atomics.wait(this.#words, HEAD, Atomics.load(this.#words, TAIL));
  }

  /** Resolves when there is something. */
  async waitAsync() {
    await Atomics.waitAsync(this.#words, HEAD, Atomics.load(this.#words, TAIL)).value;
  }
}
