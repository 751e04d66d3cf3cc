/**
 * A binary heap whose entries know their place in it, so that one is taken out, or put where it belongs after it has changed,
 * as cheaply as it is added. It decides no order.
 */

/** The place of an entry that is in no heap. */
export const ABSENT = -1;

/** Something that can be in one heap. */
export interface HeapEntry {
  /** Its place; written by the heap only. {@link ABSENT} at first. */
  position: number;
}

/** Entries of which the first is at hand. */
export class IndexedHeap<T extends HeapEntry> {
  readonly #entries: T[] = [];
  readonly #isBefore: (one: T, other: T) => boolean;

  /** @param isBefore The order, in which no two entries are equal. */
  constructor(isBefore: (one: T, other: T) => boolean) {
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** The entry before which there is no other; undefined when there is none. */
  get first(): T | undefined {
    return this.#entries[0];
  }

  /** Adds an entry that is in no heap. */
  add(entry: T): void {
    this.#entries.push(entry);
    this.#rise(entry, this.#entries.length - 1);
  }

  /** Takes out an entry that is in this heap; the last one fills its place. */
  remove(entry: T): void {
    const { position } = entry;
    entry.position = ABSENT;
    const last = this.#entries.pop();
    if (last === undefined || last === entry) return;
    last.position = position;
    this.moved(last);
  }

  /** An entry that is in this heap may be before others now, or behind others. */
  moved(entry: T): void {
    const { position } = entry;
    this.#sink(entry, position);
    if (entry.position === position) this.#rise(entry, position);
  }

  #rise(entry: T, from: number): void {
    const entries = this.#entries;
    let position = from;
    while (position > 0) {
      const above = (position - 1) >> 1;
      const parent = entries[above];
      if (parent === undefined || !this.#isBefore(entry, parent)) break;
      entries[position] = parent;
      parent.position = position;
      position = above;
    }
    entries[position] = entry;
    entry.position = position;
  }

  #sink(entry: T, from: number): void {
    const entries = this.#entries;
    let position = from;
    for (;;) {
      let below = 2 * position + 1;
      let child = entries[below];
      if (child === undefined) break;
      const sibling = entries[below + 1];
      if (sibling !== undefined && this.#isBefore(sibling, child)) {
        child = sibling;
        below += 1;
      }
      if (!this.#isBefore(child, entry)) break;
      entries[position] = child;
      child.position = position;
      position = below;
    }
    entries[position] = entry;
    entry.position = position;
  }
}
