/**
 * A queue of things that write down where they are in it, so that whoever ends one can take it out without knowing its
 * queue; each is in one queue at most. It is first come, first served until one with a priority comes: only from then
 * on, and until it is empty, there is an order by rank (`priority-order.ts`).
 */
import { Fifo } from "../fifo.ts";
import { PriorityOrder, type QueuePlace } from "./priority-order.ts";

/** Something that can be in a {@link PriorityQueue}. */
export interface Queued {
  /** As its caller has asked for it: an integer. While all have 0, order of arrival is all that counts. */
  readonly priority: number;
  /** What counts where there is a priority: the highest goes first. */
  readonly rank: number;
  /** Its place; written by the queue and {@link leaveQueue} only. */
  queuePlace: QueuePlace | undefined;
}

/** A queue. */
export class PriorityQueue<T extends Queued> {
  readonly #plain = new Fifo<T>();
  /** All of them, while there is a priority. */
  #ordered: PriorityOrder<T> | undefined;
  readonly #arrivalOf: ((item: T) => number) | undefined;

  /**
   * @param arrivalOf When one came, as a number that no other one has, if it may leave the queue and come back to its
   *   place. Default: each comes after those that are there.
   */
  constructor(arrivalOf?: (item: T) => number) {
    this.#arrivalOf = arrivalOf;
  }

  get size(): number {
    return this.#ordered === undefined ? this.#plain.size : this.#ordered.size;
  }

  /** Whether the one taken last went past one that had waited longer. */
  get overtook(): boolean {
    return this.#ordered?.overtook === true;
  }

  /** Adds one behind those of its rank that have not come after it. */
  push(item: T): void {
    const ordered = this.#orderFor(item);
    const arrivalOf = this.#arrivalOf;
    if (ordered !== undefined) item.queuePlace = ordered.push(item, item.rank, arrivalOf?.(item));
    else if (arrivalOf === undefined) item.queuePlace = this.#plain.push(item);
    else {
      const arrival = arrivalOf(item);
      item.queuePlace = this.#plain.insert(item, (other) => arrivalOf(other) > arrival);
    }
  }

  /** The next one, which stays. */
  peek(): T | undefined {
    return this.#ordered === undefined ? this.#plain.peek() : this.#ordered.peek();
  }

  /** The one that has waited longest, which stays. */
  oldest(): T | undefined {
    return this.#ordered === undefined ? this.#plain.peek() : this.#ordered.oldest();
  }

  /** Takes the next one out. */
  shift(): T | undefined {
    const item = this.#ordered === undefined ? this.#plain.shift() : this.#ordered.shift();
    if (item !== undefined) item.queuePlace = undefined;
    return item;
  }

  /** Takes out one that was the next; one that has left meanwhile does no harm. */
  take(item: T): void {
    const { queuePlace } = item;
    if (queuePlace === undefined) return;
    item.queuePlace = undefined;
    if (this.#ordered === undefined) queuePlace.remove();
    else this.#ordered.take(queuePlace);
  }

  /** In the order in which they came. Meanwhile others may come, and the current one may leave, but no other. */
  [Symbol.iterator](): Iterator<T> {
    return this.#ordered === undefined ? this.#plain[Symbol.iterator]() : this.#ordered[Symbol.iterator]();
  }

  /** Takes all out, the next first. */
  drain(): T[] {
    const items = this.#ordered === undefined ? this.#plain.drain() : this.#ordered.drain();
    for (const item of items) item.queuePlace = undefined;
    return items;
  }

  /** The order that an item enters; undefined while there is no need of one. */
  #orderFor({ priority }: T): PriorityOrder<T> | undefined {
    if (this.#ordered === undefined) {
      if (priority !== 0) this.#order();
    } else if (this.#ordered.size === 0 && priority === 0) this.#ordered = undefined;
    return this.#ordered;
  }

  #order(): void {
    const ordered = new PriorityOrder<T>();
    for (const item of this.#plain.drain())
      item.queuePlace = ordered.push(item, item.rank, this.#arrivalOf?.(item));
    this.#ordered = ordered;
  }
}

/** Takes one out of the queue it is in; one that is in none does no harm. */
export function leaveQueue(item: Queued): void {
  item.queuePlace?.remove();
  item.queuePlace = undefined;
}
