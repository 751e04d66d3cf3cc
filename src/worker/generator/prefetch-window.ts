/**
 * How far a generator may run ahead of its consumer: in values, by the credit that the consumer returns, and in
 * bytes, by the values it has not taken yet. It only counts: the values themselves are sent at once. The limit
 * in bytes is the consumer's `streamWindow` (`session/limits.ts`), announced in its Hello. One value is allowed
 * whatever its size.
 */

import { ArrayQueue } from "../../internal/array-queue.ts";

/** The values sent ahead and not yet taken. */
export class PrefetchWindow {
  readonly #initialCredit: number;
  #credit: number;
  /** Sizes of the values ahead, oldest first. */
  readonly #sizes = new ArrayQueue<number>();
  #aheadBytes = 0;

  /** @param credit How many values may be ahead of the consumer; positive. */
  constructor(credit: number) {
    this.#initialCredit = credit;
    this.#credit = credit;
  }

  /** A value has been sent. */
  sent(sizeBytes: number): void {
    this.#credit -= 1;
    this.#sizes.push(sizeBytes);
    this.#aheadBytes += sizeBytes;
  }

  /** The consumer has taken values. */
  taken(values: number): void {
    this.#credit += values;
    for (let left = Math.min(values, this.#sizes.size); left > 0; left -= 1) {
      this.#aheadBytes -= this.#sizes.shift() ?? 0;
    }
  }

  /** The consumer has thrown away what was ahead. */
  reset(): void {
    this.#credit = this.#initialCredit;
    this.#sizes.clear();
    this.#aheadBytes = 0;
  }

  /**
   * Whether one more value may be sent.
   *
   * @param limitBytes How many bytes may be ahead of the consumer: the `streamWindow` that it announced.
   */
  hasRoom(limitBytes: number): boolean {
    return this.#credit > 0 && (this.#aheadBytes === 0 || this.#aheadBytes < limitBytes);
  }
}
