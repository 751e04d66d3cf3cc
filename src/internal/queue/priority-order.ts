/**
 * The order of values whose ranks differ: the highest rank first, and within one rank first come, first served. None
 * starves: after {@link MOST_OVERTAKINGS} values in a row that went past the one that has waited longest, that one is
 * next. A value before which n others came has thus been taken by the time that 8 (n + 1) have been.
 */
import { Fifo, type FifoNode } from "../fifo.ts";

/** The place of a value in a queue. Opaque to its holder, who may remove it. */
export interface QueuePlace {
  /** Takes its value out of the queue. Returns whether it was still queued. */
  remove(): boolean;
}

/** How many values in a row go past the one that has waited longest. */
const MOST_OVERTAKINGS = 7;

/** Removed entries that the heap may hold beside as many as there are others. */
const FEW = 64;

class Entry<T> implements QueuePlace {
  /** Absent once it has been taken out: the heap may keep the entry for longer. */
  value: T | undefined;
  readonly rank: number;
  /** Among those of its rank the lowest goes first. */
  readonly order: number;
  /** Its place by time of arrival. */
  node: FifoNode<Entry<T>> | undefined;

  constructor(value: T, rank: number, order: number) {
    this.value = value;
    this.rank = rank;
    this.order = order;
  }

  get queued(): boolean {
    return this.node?.queue !== undefined;
  }

  remove(): boolean {
    this.value = undefined;
    return this.node?.remove() === true;
  }
}

/** Values by rank. Each operation takes logarithmic time at most, also with as many ranks as values. */
export class PriorityOrder<T> {
  readonly #arrivals = new Fifo<Entry<T>>();
  /** A binary heap. Entries that have been removed stay in it until they are its first, or too many. */
  #heap: Entry<T>[] = [];
  #last = 0;
  #overtakings = 0;
  /** Whether the value taken last went past one that had waited longer. */
  overtook = false;

  /** Values in the queue. */
  get size(): number {
    return this.#arrivals.size;
  }

  /**
   * Puts a value behind those of its rank that have not come after it.
   *
   * @param arrival When it came, among the others: of all or of none. Default: after them.
   */
  push(value: T, rank: number, arrival: number = this.#last + 1): QueuePlace {
    const entry = new Entry(value, rank, arrival);
    if (arrival > this.#last) this.#last = arrival;
    entry.node = this.#arrivals.insert(entry, ({ order }) => order > arrival);
    this.#insert(entry);
    return entry;
  }

  /** The value whose turn it is, which stays; undefined when there is none. */
  peek(): T | undefined {
    return this.#next()?.value;
  }

  /** In the order in which they came. */
  *[Symbol.iterator](): Generator<T, undefined, undefined> {
    for (const { value } of this.#arrivals) if (value !== undefined) yield value;
    return undefined;
  }

  /** The value that has waited longest, which stays. */
  oldest(): T | undefined {
    return this.#arrivals.peek()?.value;
  }

  /** Takes out a value whose turn it was. */
  take(place: QueuePlace): void {
    this.overtook = this.#arrivals.peek() !== place;
    this.#overtakings = this.overtook ? this.#overtakings + 1 : 0;
    place.remove();
  }

  /** Takes out the value whose turn it is; undefined when there is none. */
  shift(): T | undefined {
    const entry = this.#next();
    if (entry === undefined) return undefined;
    const { value } = entry;
    this.take(entry);
    return value;
  }

  /** Takes everything out, by rank, into an array. */
  drain(): T[] {
    const entries = this.#arrivals.drain();
    this.#heap = [];
    return entries.sort((one, other) => (isBefore(one, other) ? -1 : 1)).map(({ value }) => value as T);
  }

  #next(): Entry<T> | undefined {
    if (this.#overtakings >= MOST_OVERTAKINGS) return this.#arrivals.peek();
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.queued) return top;
      this.#dropTop();
    }
    return undefined;
  }

  #insert(entry: Entry<T>): void {
    const heap = this.#heap;
    if (heap.length > 2 * this.size + FEW) return this.#rebuild(); // it is among the arrivals already
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >>> 1;
      const parent = heap[above] as Entry<T>;
      if (!isBefore(entry, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  #dropTop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#sink(last);
  }

  /** Finds the place of an entry that is to be put where the top was. */
  #sink(entry: Entry<T>): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      const right = below + 1;
      if (right < heap.length && isBefore(heap[right] as Entry<T>, heap[below] as Entry<T>)) below = right;
      const child = heap[below] as Entry<T>;
      if (!isBefore(child, entry)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = entry;
  }

  /** An array in order is a heap. */
  #rebuild(): void {
    this.#heap = [...this.#arrivals].sort((one, other) => (isBefore(one, other) ? -1 : 1));
  }
}

function isBefore(one: Entry<unknown>, other: Entry<unknown>): boolean {
  return one.rank === other.rank ? one.order < other.order : one.rank > other.rank;
}
