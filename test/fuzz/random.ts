/** Numbers that look random and are the same for the same seed on every machine, so that each input can be made again. */

/** Draws for one input. */
export class Random {
  #state: number;

  /** @param numbers What the input is one of: a seed, a target, a number in turn. */
  constructor(...numbers: readonly number[]) {
    let state = 0x9e37_79b9;
    for (const number of numbers) state = mix(state ^ (number >>> 0)) + 0x6d2b_79f5;
    this.#state = state | 0;
  }

  /** A whole number from 0 to `below - 1`. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    return Math.floor((mix(this.#state) / 2 ** 32) * below);
  }

  /** Whether something happens that happens once in so many times. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** A number that is more often small than large. */
  small(most: number): number {
    return this.below(1 + this.below(1 + most));
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let place = 0; place < length; place++) bytes[place] = this.below(256);
    return bytes;
  }
}

/** Spreads 32 bits, as mulberry32 does. */
function mix(state: number): number {
  let value = Math.imul(state ^ (state >>> 15), 1 | state);
  value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
  return (value ^ (value >>> 14)) >>> 0;
}
