/**
 * Estimates how many different things there are in a payload: each is put by its hash into a set of bits. Two may fall on
 * the same bit, so it never counts too many, and with the process's secret in the hash a peer cannot
 * choose what does.
 */
import { randomBytes } from "node:crypto";

/** The secret with which hashes begin. */
export const HASH_SEED: number = randomBytes(4).readInt32LE(0);

const MIN_BITS = 1024;
const MAX_BITS = 2 ** 24;

/** What has been met in one payload. */
export class Novelty {
  readonly #bits: Int32Array;
  readonly #shift: number;

  /** @param lengthBytes Of the payload. A thing takes some bytes of it, so that few fall on the same bit. */
  constructor(lengthBytes: number) {
    const bits = 2 ** Math.ceil(Math.log2(Math.min(MAX_BITS, Math.max(MIN_BITS, lengthBytes))));
    this.#bits = new Int32Array(bits / 32);
    this.#shift = 32 - Math.log2(bits);
  }

  /** Notes a thing. @returns Whether it is seen for the first time. */
  add(hash: number): boolean {
    const bit = Math.imul(hash ^ (hash >>> 15), 0x9e37_79b1) >>> this.#shift;
    const word = bit >>> 5;
    const mask = 1 << (bit & 31);
    const before = this.#bits[word] as number;
    if ((before & mask) !== 0) return false;
    this.#bits[word] = before | mask;
    return true;
  }
}
