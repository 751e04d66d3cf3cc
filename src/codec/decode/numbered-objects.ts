/**
 * The objects of a payload that refers back, by their numbers. In pieces: one list of all would be copied again and again
 * as it grows, and looked through as a whole by the collector of garbage each time.
 */

/** Objects in a piece. */
const PIECE_BITS = 10;
const PIECE = 1 << PIECE_BITS;

/** Objects in the order in which their tokens begin. */
export class NumberedObjects {
  readonly #pieces: unknown[][] = [];
  #last: unknown[] = [];
  /** How many there are. */
  count = 0;

  /** Gives an object the next number. @returns It. */
  push(object: unknown): number {
    const number = this.count++;
    const place = number & (PIECE - 1);
    if (place === 0) {
      this.#last = [];
      this.#pieces.push(this.#last);
    }
    this.#last[place] = object;
    return number;
  }

  /** The object of a number below {@link count}. */
  get(number: number): unknown {
    return this.#pieces[number >>> PIECE_BITS]?.[number & (PIECE - 1)];
  }

  /** Puts an object in the place of another. */
  set(number: number, object: unknown): void {
    const piece = this.#pieces[number >>> PIECE_BITS];
    if (piece !== undefined) piece[number & (PIECE - 1)] = object;
  }
}
