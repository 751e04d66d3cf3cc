/**
 * Tells which things in a payload are there for the first time: each is put by its hash into a set of bits, until there
 * are as many as the reader keeps at hand; from then on what is not in the set counts as new each time. Two may fall on
 * the same bit, so it never counts too many, and with the process's secret in the hash a peer cannot
 * choose what does.
 */
import { randomBytes } from "node:crypto";

/** The secret with which hashes begin. */
export const HASH_SEED: number = randomBytes(4).readInt32LE(0);

/** Bits for each thing, so that few fall on the same. */
const BITS_PER_THING = 32;

/** What has been met in one payload. */
export class Novelty {
  /** Made for the first thing: most payloads of a call have none. */
  #bits: Int32Array | undefined;
  readonly #shift: number;
  #room: number;

  /** @param room How many things are kept; a power of two. */
  constructor(room: number) {
    this.#room = room;
    this.#shift = 32 - Math.log2(room * BITS_PER_THING);
  }

  /** Whether a thing has not been met. */
  isNew(hash: number): boolean {
    const bit = Math.imul(hash ^ (hash >>> 15), 0x9e37_79b1) >>> this.#shift;
    this.#bits ??= new Int32Array((this.#room * BITS_PER_THING) / 32);
    const word = bit >>> 5;
    const mask = 1 << (bit & 31);
    const before = this.#bits[word] as number;
    if ((before & mask) !== 0) return false;
    if (this.#room > 0) {
      this.#room--;
      this.#bits[word] = before | mask;
    }
    return true;
  }
}
