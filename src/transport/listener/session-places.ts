/**
 * How many sessions and dispatch calls of callers on the network may be open at a time: each takes up memory by being there,
 * however little it holds. Whoever has many of the places gets none of the last quarter, which is for the others.
 */

/** From this part on, what is left is for addresses that do not have many places already. */
const OTHERS_FROM = 3 / 4;
/** An address that has this part of them has many. */
const MANY = 1 / 64;

/** The places. */
export class SessionPlaces {
  readonly #most: number;
  /** Places taken, by address; none is without. */
  readonly #taken = new Map<string, number>();
  #open = 0;

  /** @param most How many there are. */
  constructor(most: number) {
    this.#most = most;
  }

  /** @returns Gives the place back, to be called once; `undefined` if there is none. */
  take(address: string): (() => void) | undefined {
    const taken = this.#taken.get(address) ?? 0;
    const limit = taken >= this.#most * MANY ? this.#most * OTHERS_FROM : this.#most;
    if (this.#open >= limit) return undefined;
    this.#open += 1;
    this.#taken.set(address, taken + 1);
    return () => this.#leave(address);
  }

  /** Why there is none, for whoever asked. */
  get refusal(): string {
    return `As many sessions and calls of 'dispatch' are open as the worker has memory for, which is ${this.#most}, of which the last quarter is for addresses that have few; raise its maxHeldBytes`;
  }

  #leave(address: string): void {
    this.#open -= 1;
    const left = (this.#taken.get(address) ?? 1) - 1;
    if (left > 0) this.#taken.set(address, left);
    else this.#taken.delete(address);
  }
}
