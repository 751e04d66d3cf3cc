/**
 * Streams by their numbers, in a table of its own making. V8's `Map` hashes numbers without a secret, so that a peer, who
 * chooses them, could choose thousands that meet in one place of it, each access walking past all of them; here a secret
 * of the process decides. And a `Map` in which much comes and goes keeps all of it in memory for long: see
 * `internal/awaitable-set.ts`.
 *
 * @see Multiplying by a secret odd number, of which the upper bits count, has two numbers meet no more often than twice
 *   the part that one place is of all: https://doi.org/10.1006/jagm.1997.0873
 */
import { randomBytes } from "node:crypto";

const SECRET = randomBytes(4).readInt32LE(0) | 1;

/** Places at first. A power of two, as always. */
const FIRST_PLACES = 16;
/** It is made smaller when no more than this part of its places is taken, but not smaller than the number below. */
const SPARSE = 1 / 8;
/** Of 16 bytes each: a connection with hundreds of calls under way would otherwise be made a table with each batch. */
const KEPT_PLACES = 1_024;
const NONE = -1;
/** What a table has that nothing has been put in. */
const NO_HEADS: Int32Array = new Int32Array(2).fill(NONE);
const NO_HEADS_SHIFT = 31;
const NO_PLACES: Int32Array = new Int32Array(0);

/** A map whose keys are numbers of 32 bits. */
export class StreamTable<T> {
  #size = 0;
  /** By the hash of a number: the first place in the chain of those that have it. */
  #heads: Int32Array = NO_HEADS;
  /** By place: the next one in its chain, or in that of the free ones. */
  #next: Int32Array = NO_PLACES;
  #numbers: Int32Array = NO_PLACES;
  #values: (T | undefined)[] = [];
  #free = NONE;
  #shift = NO_HEADS_SHIFT;

  get size(): number {
    return this.#size;
  }

  has(stream: number): boolean {
    return this.#find(stream) !== NONE;
  }

  get(stream: number): T | undefined {
    const place = this.#find(stream);
    return place === NONE ? undefined : this.#values[place];
  }

  set(stream: number, value: T): void {
    const place = this.#find(stream);
    if (place !== NONE) {
      this.#values[place] = value;
      return;
    }
    if (this.#free === NONE) this.#resize(Math.max(FIRST_PLACES, this.#values.length * 2));
    this.#insert(stream | 0, value);
  }

  delete(stream: number): void {
    const number = stream | 0;
    const hash = this.#hash(number);
    let before = NONE;
    let place = this.#heads[hash] as number;
    while (place !== NONE && this.#numbers[place] !== number) {
      before = place;
      place = this.#next[place] as number;
    }
    if (place === NONE) return;
    const next = this.#next[place] as number;
    if (before === NONE) this.#heads[hash] = next;
    else this.#next[before] = next;
    this.#values[place] = undefined;
    this.#next[place] = this.#free;
    this.#free = place;
    this.#size -= 1;
    const places = this.#values.length;
    if (places > KEPT_PLACES && this.#size <= places * SPARSE) this.#resize(places / 2);
  }

  /** All of them, by their numbers from the lowest up. */
  entries(): [stream: number, value: T][] {
    const entries: [number, T][] = [];
    for (let hash = 0; hash < this.#heads.length; hash++) {
      for (let place = this.#heads[hash] as number; place !== NONE; place = this.#next[place] as number) {
        entries.push([(this.#numbers[place] as number) >>> 0, this.#values[place] as T]);
      }
    }
    return entries.sort(([one], [other]) => one - other);
  }

  /** As {@link entries}, without the numbers. */
  values(): T[] {
    return this.entries().map(([, value]) => value);
  }

  clear(): void {
    this.#size = 0;
    this.#heads = NO_HEADS;
    this.#next = NO_PLACES;
    this.#numbers = NO_PLACES;
    this.#values = [];
    this.#free = NONE;
    this.#shift = NO_HEADS_SHIFT;
  }

  #find(stream: number): number {
    const number = stream | 0;
    let place = this.#heads[this.#hash(number)] as number;
    while (place !== NONE && this.#numbers[place] !== number) place = this.#next[place] as number;
    return place;
  }

  #hash(number: number): number {
    return Math.imul(number, SECRET) >>> this.#shift;
  }

  #insert(number: number, value: T): void {
    const place = this.#free;
    this.#free = this.#next[place] as number;
    const hash = this.#hash(number);
    this.#next[place] = this.#heads[hash] as number;
    this.#heads[hash] = place;
    this.#numbers[place] = number;
    this.#values[place] = value;
    this.#size += 1;
  }

  #resize(places: number): void {
    const entries = this.entries();
    this.#allot(places);
    for (const [stream, value] of entries) this.#insert(stream | 0, value);
  }

  /** Begins anew, with nothing in it. */
  #allot(places: number): void {
    this.#size = 0;
    this.#heads = new Int32Array(places).fill(NONE);
    this.#next = new Int32Array(places);
    for (let place = 0; place < places; place++) this.#next[place] = place + 1;
    this.#next[places - 1] = NONE;
    this.#numbers = new Int32Array(places);
    this.#values = new Array<T | undefined>(places).fill(undefined);
    this.#free = 0;
    this.#shift = 32 - Math.log2(places);
  }
}
