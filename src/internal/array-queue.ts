/**
 * A queue that only its ends are taken from: one array, without an allocation for each value. `Array.shift` alone
 * moves all that is left once an array is large. For a queue from whose middle entries are taken there is `Fifo`.
 */

/** Values taken out at the front whose room is kept before the rest moves up. */
const MIN_GAP = 32;

/** First in, first out; every operation takes constant time on average. */
export class ArrayQueue<T> implements Iterable<T> {
  readonly #values: (T | undefined)[] = [];
  /** Where the oldest is. */
  #head = 0;

  /** Values in the queue. */
  get size(): number {
    return this.#values.length - this.#head;
  }

  /** Puts a value at the end. */
  push(value: T): void {
    this.#values.push(value);
  }

  /** Puts a value in front, to be taken next. */
  unshift(value: T): void {
    if (this.#head > 0) {
      this.#head -= 1;
      this.#values[this.#head] = value;
    } else {
      this.#values.unshift(value);
    }
  }

  /** The oldest value, which stays; undefined when there is none. */
  peek(): T | undefined {
    return this.#values[this.#head];
  }

  /** Takes the oldest value out; undefined when there is none. */
  shift(): T | undefined {
    const values = this.#values;
    if (this.#head === values.length) return undefined;
    const value = values[this.#head];
    values[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === values.length) this.clear();
    else if (this.#head >= MIN_GAP && this.#head * 2 > values.length) this.#moveUp();
    return value;
  }

  /** Takes the youngest value out; undefined when there is none. */
  pop(): T | undefined {
    if (this.size === 0) return undefined;
    const value = this.#values.pop();
    if (this.size === 0) this.clear();
    return value;
  }

  /** Takes everything out. */
  clear(): void {
    this.#values.length = 0;
    this.#head = 0;
  }

  /** Takes everything out, oldest first, into an array. */
  drain(): T[] {
    const values = [...this];
    this.clear();
    return values;
  }

  /** From the oldest to the youngest. The queue must not change meanwhile. */
  *[Symbol.iterator](): Generator<T, undefined, undefined> {
    for (let at = this.#head; at < this.#values.length; at += 1) yield this.#values[at] as T; // it is in the queue
    return undefined;
  }

  /** Closes the gap in front, which is larger than what is left. */
  #moveUp(): void {
    const { size } = this;
    this.#values.copyWithin(0, this.#head);
    this.#values.length = size;
    this.#head = 0;
  }
}
