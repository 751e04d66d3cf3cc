/**
 * A set of few things that come and go all the time, often one by one. A `Set` or `Map` makes itself a smaller table
 * whenever its last entry goes, and one that has lived for a while makes it in the old part of the heap, where each
 * allocation may begin a collection of all of it if much memory outside is in use.
 */

/** Its things in any order. To take one out takes time for as many as there are. */
export class Few<T> {
  readonly #things: (T | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a thing that is not in it. */
  add(thing: T): void {
    this.#things[this.#size] = thing;
    this.#size += 1;
  }

  /** Takes a thing out, if it is in it. */
  delete(thing: T): void {
    const things = this.#things;
    for (let at = 0; at < this.#size; at++) {
      if (things[at] !== thing) continue;
      this.#size -= 1;
      things[at] = things[this.#size];
      things[this.#size] = undefined; // the room is kept for others, the thing is not
      return;
    }
  }

  /**
   * The thing at a place below `size`; `undefined` at others. Whoever goes from the last place to the first may take
   * things out meanwhile: what stays in is met, some of it twice.
   */
  at(place: number): T | undefined {
    return this.#things[place];
  }
}
