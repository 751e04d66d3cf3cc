/** A set that one can wait to become empty: it holds things under way, for those who wait until all are over. */

/** A set that can be awaited. */
export class AwaitableSet<T> extends Set<T> {
  #waiting: Array<() => void> = [];

  override delete(item: T): boolean {
    if (!super.delete(item)) return false;
    if (this.size === 0 && this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
    }
    return true;
  }

  /** Resolves when it is empty, at once if it is. */
  emptied(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
