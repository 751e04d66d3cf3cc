/**
 * A queue that only its ends are taken from: one array, without an allocation for each value. `Array.shift` alone
 * moves all that is left once an array is large. For a queue from whose middle entries are taken there is `Fifo`.
 */

/** Values taken out whose room is kept: to make an array shorter costs more than all else here. */
const MIN_GAP = 32;

/** First in, first out; every operation takes constant time on average. */
export class ArrayQueue<T> implements Iterable<T> {
  readonly #values: (T | undefined)[] = [];
  /** Where the oldest is, and where the next goes. */
  #head = 0;
  #tail = 0;

  /** Values in the queue. */
  get size(): number {
    return this.#tail - this.#head;
  }

  /** Puts a value at the end. */
  push(value: T): void {
    this.#values[this.#tail] = value;
    this.#tail += 1;
  }

  /** Puts a value in front, to be taken next. */
  unshift(value: T): void {
    if (this.#head > 0) {
      this.#head -= 1;
      this.#values[this.#head] = value;
    } else {
      this.#values.unshift(value);
      this.#tail += 1;
    }
  }

  /** The oldest value, which stays; undefined when there is none. */
  peek(): T | undefined {
    return this.#values[this.#head];
  }

  /** Takes the oldest value out; undefined when there is none. */
  shift(): T | undefined {
    if (this.#head === this.#tail) return undefined;
    const values = this.#values;
    const value = values[this.#head];
    values[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#tail) this.clear();
    else if (this.#head >= MIN_GAP && this.#head * 2 > this.#tail) this.#moveUp();
    return value;
  }

  /** Takes the youngest value out; undefined when there is none. */
  pop(): T | undefined {
    if (this.#head === this.#tail) return undefined;
    this.#tail -= 1;
    const value = this.#values[this.#tail];
    this.#values[this.#tail] = undefined;
    if (this.#head === this.#tail) this.clear();
    return value;
  }

  /** Takes everything out. */
  clear(): void {
    if (this.#values.length > MIN_GAP) this.#values.length = 0;
    else if (this.#head < this.#tail) this.#values.fill(undefined, this.#head, this.#tail);
    this.#head = 0;
    this.#tail = 0;
  }

  /** Takes everything out, oldest first, into an array. */
  drain(): T[] {
    const values = [...this];
    this.clear();
    return values;
  }

  /** From the oldest to the youngest. The queue must not change meanwhile. */
  *[Symbol.iterator](): Generator<T, undefined, undefined> {
    for (let at = this.#head; at < this.#tail; at += 1) yield this.#values[at] as T; // it is in the queue
    return undefined;
  }

  /** Closes the gap in front, which is larger than what is left. */
  #moveUp(): void {
    const { size } = this;
    this.#values.copyWithin(0, this.#head, this.#tail);
    this.#values.length = size;
    this.#head = 0;
    this.#tail = size;
  }
}
