/**
 * A queue from whose middle entries can be taken: a doubly linked list. It takes memory for the entries in it
 * only.
 */

/** The place of one value in a {@link Fifo}. Opaque to its holder, who may remove it. */
export class FifoNode<T> {
  readonly value: T;
  previous: FifoNode<T> | undefined = undefined;
  next: FifoNode<T> | undefined = undefined;
  /** Where it is; `undefined` once it has been taken out. */
  queue: Fifo<T> | undefined;

  constructor(value: T, queue: Fifo<T>) {
    this.value = value;
    this.queue = queue;
  }

  /** Takes its value out of the queue. Returns whether it was still queued. */
  remove(): boolean {
    return this.queue?.remove(this) ?? false;
  }
}

/** First in, first out; every operation takes constant time. */
export class Fifo<T> implements Iterable<T> {
  #first: FifoNode<T> | undefined;
  #last: FifoNode<T> | undefined;
  #size = 0;

  /** Values in the queue. */
  get size(): number {
    return this.#size;
  }

  /** Puts a value at the end. The node serves to remove it later. */
  push(value: T): FifoNode<T> {
    const node = new FifoNode(value, this);
    node.previous = this.#last;
    if (this.#last === undefined) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
    this.#size += 1;
    return node;
  }

  /**
   * Puts a value between those that are there, which are in an order already. Looks from both ends: near one of them it
   * takes no time.
   *
   * @param isLater Whether a value belongs behind the new one.
   */
  insert(value: T, isLater: (other: T) => boolean): FifoNode<T> {
    const last = this.#last;
    if (last === undefined || !isLater(last.value)) return this.push(value);
    let late: FifoNode<T> = last;
    let early = this.#first ?? last;
    for (;;) {
      if (isLater(early.value)) return this.#insertBefore(early, value);
      const before: FifoNode<T> | undefined = late.previous;
      if (before === undefined || !isLater(before.value)) return this.#insertBefore(late, value);
      late = before;
      early = early.next ?? late;
    }
  }

  /** The oldest value, which stays; undefined when there is none. */
  peek(): T | undefined {
    return this.#first?.value;
  }

  /** Takes the oldest value out; undefined when there is none. */
  shift(): T | undefined {
    const node = this.#first;
    if (node === undefined) return undefined;
    this.remove(node);
    return node.value;
  }

  /** Takes out the value that `node` of this queue stands for. Returns whether it was still queued. */
  remove(node: FifoNode<T>): boolean {
    if (node.queue !== this) return false;
    node.queue = undefined;
    const { previous, next } = node;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    // Whoever keeps a removed node must not keep its former neighbours in memory.
    node.previous = undefined;
    node.next = undefined;
    this.#size -= 1;
    return true;
  }

  /** Takes everything out, oldest first, into an array. */
  drain(): T[] {
    const values: T[] = [];
    for (let node = this.#first; node !== undefined; node = this.#first) {
      values.push(node.value);
      this.remove(node);
    }
    return values;
  }

  /**
   * From the oldest to the youngest. Meanwhile values may be added, and the current one removed, but no
   * other.
   */
  *[Symbol.iterator](): Generator<T, undefined, undefined> {
    let node = this.#first;
    while (node !== undefined) {
      const { value, next } = node;
      yield value;
      // If it was removed meanwhile, its own `next` is gone; if not, something may have been added behind it.
      node = node.queue === undefined ? next : node.next;
    }
    return undefined;
  }

  #insertBefore(next: FifoNode<T>, value: T): FifoNode<T> {
    const node = new FifoNode(value, this);
    const { previous } = next;
    node.previous = previous;
    node.next = next;
    next.previous = node;
    if (previous === undefined) this.#first = node;
    else previous.next = node;
    this.#size += 1;
    return node;
  }
}
