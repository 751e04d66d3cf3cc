/**
 * A set that one can wait to become empty: it holds things under way, for those who wait until all are over. Each notes
 * its own place in it, so that it is in one such set at a time.
 *
 * It is a list, since what a `Set` or `Map` holds for a short time is expensive: with each hundred things that come and go
 * V8 makes another table of it, to which the one before keeps a reference. Once one of them has grown old, all those after
 * it, and whatever they hold, are copied to where only a collection of the whole heap finds them.
 */
import { Fifo, type FifoNode } from "./fifo.ts";

/** Something that can be in an {@link AwaitableSet}. */
export interface Listed {
  /** Its place; written by the set only. */
  listed?: FifoNode<Listed> | undefined;
}

/** A set that can be awaited. */
export class AwaitableSet<T extends Listed> implements Iterable<T> {
  readonly #items = new Fifo<Listed>();
  #waiting: Array<() => void> = [];

  get size(): number {
    return this.#items.size;
  }

  has(item: T): boolean {
    return item.listed?.queue === this.#items;
  }

  add(item: T): void {
    if (!this.has(item)) item.listed = this.#items.push(item);
  }

  /** Takes an item out. @returns Whether it was in it. */
  delete(item: T): boolean {
    const { listed } = item;
    if (listed === undefined || !this.#items.remove(listed)) return false;
    item.listed = undefined;
    if (this.size === 0 && this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
    }
    return true;
  }

  /** In the order in which they came. Meanwhile others may come, and the current one may go, but no other. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#items[Symbol.iterator]() as IterableIterator<T>; // only such items are put in
  }

  /** Resolves when it is empty, at once if it is. */
  emptied(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
