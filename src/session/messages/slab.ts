/**
 * Memory in which long payloads pass from thread to thread, used again for one after the other. Memory that is made for
 * each costs more than the copy into it: the system clears it page by page. One thread writes a payload into a slab and
 * has it passed on; the other reads it there and then lets go of the slab. A slab that nobody lets go of is not used
 * again, but left to whoever still reads it.
 */
import type { PassedSlab } from "../carrier.ts";

/** Before the bytes: a word that says whether the slab is in use, and up to an aligned place. */
const HEAD_BYTES = 8;
const FREE = 0;
const IN_USE = 1;

/** The longest payload that passes so, with what is before it: a connection keeps memory for two of them each way. */
export const MAX_SLAB_BYTES: number = 4 * 1024 * 1024 - 2 * HEAD_BYTES;
const LEAST_SLAB_BYTES = 256 * 1024;
/** So that a payload can be written while the one before it is being read. */
const KEPT_SLABS = 2;

/** `Buffer.copy` and `set` go byte by byte where one side is shared memory; see `ring.ts` of the threads' carrier. */
function copyInto(to: Buffer, at: number, from: Uint8Array): void {
  to.fill(from, at, at + from.length);
}

/** The slabs into which one end of a connection writes. */
export class Slabs {
  /** The one that was taken last is the last one. */
  readonly #slabs: { readonly words: Int32Array; readonly bytes: Buffer }[] = [];

  /**
   * Copies a payload into a slab that is free, or a new one.
   *
   * @param bytes Of {@link MAX_SLAB_BYTES} at most, and not empty.
   * @param odd Whether it is to begin at an odd place, so that something else in it begins at an even one.
   */
  write(bytes: Uint8Array, odd: boolean): PassedSlab {
    const start = odd ? HEAD_BYTES + 1 : HEAD_BYTES;
    const { bytes: memory, words } = this.#take(start + bytes.length);
    copyInto(memory, start, bytes);
    return { memory: words.buffer as SharedArrayBuffer, start, end: start + bytes.length };
  }

  #take(lengthBytes: number): { readonly words: Int32Array; readonly bytes: Buffer } {
    const slabs = this.#slabs;
    for (let index = slabs.length - 1; index >= 0; index--) {
      const slab = slabs[index];
      if (slab === undefined || slab.bytes.length < lengthBytes) continue;
      if (Atomics.compareExchange(slab.words, 0, FREE, IN_USE) === FREE) return slab;
    }
    const memory = new SharedArrayBuffer(Math.max(LEAST_SLAB_BYTES, roundUp(lengthBytes)));
    const slab = { words: new Int32Array(memory, 0, 1), bytes: Buffer.from(memory) };
    slab.words[0] = IN_USE;
    if (slabs.length === KEPT_SLABS) slabs.shift();
    slabs.push(slab);
    return slab;
  }
}

/** A power of two. */
function roundUp(lengthBytes: number): number {
  return 2 ** Math.ceil(Math.log2(lengthBytes));
}

/** Takes back what {@link Slabs.write} has written, or lets go of what was read: nobody looks at it any more. */
export function releaseSlab({ memory }: PassedSlab): void {
  Atomics.store(new Int32Array(memory, 0, 1), 0, FREE);
}

/** The memory of a slab to read from, as one that is not shared would be. */
export function slabBytes({ memory }: PassedSlab): Buffer {
  return Buffer.from(memory);
}
