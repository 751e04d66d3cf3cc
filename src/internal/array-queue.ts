/**
 * A queue that only its ends are taken from: one array, used round and round, without an allocation for each value.
 * `Array.shift` alone moves all that is left once an array is large. For a queue from whose middle entries are taken there
 * is `Fifo`.
 */

/** Places of the smallest array, and of the largest that an empty queue keeps; powers of two, as all sizes are. */
const LEAST_ROOM = 8;
const KEPT_ROOM = 256;

/** First in, first out; every operation takes constant time on average. */
export class ArrayQueue<T> implements Iterable<T> {
  #values: (T | undefined)[] = [];
  /** Where the oldest is. */
  #head = 0;
  #size = 0;

  /** Values in the queue. */
  get size(): number {
    return this.#size;
  }

  /** Puts a value at the end. */
  push(value: T): void {
    if (this.#size === this.#values.length) this.#resize(Math.max(LEAST_ROOM, this.#size * 2));
    this.#values[(this.#head + this.#size) & (this.#values.length - 1)] = value;
    this.#size += 1;
  }

  /** Puts a value in front, to be taken next. */
  unshift(value: T): void {
    if (this.#size === this.#values.length) this.#resize(Math.max(LEAST_ROOM, this.#size * 2));
    this.#head = (this.#head - 1) & (this.#values.length - 1);
    this.#values[this.#head] = value;
    this.#size += 1;
  }

  /** The oldest value, which stays; undefined when there is none. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#values[this.#head];
  }

  /** Takes the oldest value out; undefined when there is none. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const values = this.#values;
    const value = values[this.#head];
    values[this.#head] = undefined;
    this.#head = (this.#head + 1) & (values.length - 1);
    this.#size -= 1;
    this.#makeSmaller();
    return value;
  }

  /** Takes the youngest value out; undefined when there is none. */
  pop(): T | undefined {
    if (this.#size === 0) return undefined;
    const values = this.#values;
    this.#size -= 1;
    const at = (this.#head + this.#size) & (values.length - 1);
    const value = values[at];
    values[at] = undefined;
    this.#makeSmaller();
    return value;
  }

  /** Takes everything out. */
  clear(): void {
    if (this.#values.length > KEPT_ROOM) this.#values = [];
    else if (this.#size > 0) this.#values.fill(undefined);
    this.#head = 0;
    this.#size = 0;
  }

  /** Takes everything out, oldest first, into an array. */
  drain(): T[] {
    const values = [...this];
    this.clear();
    return values;
  }

  /** From the oldest to the youngest. The queue must not change meanwhile. */
  *[Symbol.iterator](): Generator<T, undefined, undefined> {
    for (let at = 0; at < this.#size; at += 1) yield this.#at(at) as T; // it is in the queue
    return undefined;
  }

  #at(index: number): T | undefined {
    return this.#values[(this.#head + index) & (this.#values.length - 1)];
  }

  /** Gives up room of which little is in use: a queue that was long once does not stay large. */
  #makeSmaller(): void {
    const room = this.#values.length;
    if (room > KEPT_ROOM && this.#size * 4 <= room) this.#resize(room / 2);
  }

  /** Goes on in an array of so many places, a power of two. */
  #resize(room: number): void {
    const values = new Array<T | undefined>(room).fill(undefined);
    for (let at = 0; at < this.#size; at += 1) values[at] = this.#at(at);
    this.#values = values;
    this.#head = 0;
  }
}
