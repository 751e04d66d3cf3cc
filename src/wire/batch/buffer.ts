/**
 * The memory in which batches are built: slabs that are filled from front to back and never rewritten,
 * so that a batch can be handed out as a view while the next one is begun behind it.
 */
import { Buffer } from "node:buffer";

/** Bytes kept free in front of every batch; the Unix carrier puts the length there. */
export const HEADROOM = 4;

/** What the first slabs hold: many a connection sends little, and keeps its slab for as long as it is open. */
const FIRST_SLABS = [1024, 16 * 1024];
const SLAB = 64 * 1024;

/** Hands out room for frames and, on demand, everything since the last time as one batch. */
export class BatchBuffer {
  /** The current slab; changes with {@link reserve}. */
  bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #position = HEADROOM;

  /** Bytes of frames since the last batch, without the headroom. */
  get length(): number {
    return this.#position - this.#start - HEADROOM;
  }

  /**
   * Makes room for a frame.
   *
   * @param size Length of the frame; the caller writes exactly so many bytes.
   * @returns Where in `bytes` it begins.
   */
  reserve(size: number): number {
    let position = this.#position;
    if (position + size > this.bytes.length) {
      this.#turn(size);
      position = this.#position;
    }
    this.#position = position + size;
    return position;
  }

  /** Gives away the batch: the headroom, then its frames. Nothing writes to these bytes again. */
  take(): Uint8Array {
    if (this.#position > this.bytes.length) this.#turn(0);
    const batch = this.bytes.subarray(this.#start, this.#position);
    if (this.bytes.length > SLAB) {
      // One oversized batch must not leave its memory with the connection.
      this.bytes = Buffer.alloc(0);
      this.#start = 0;
    } else {
      this.#start = this.#position;
    }
    this.#position = this.#start + HEADROOM;
    return batch;
  }

  /** Moves the frames of the unfinished batch to a slab in which there is room for `size` more bytes. */
  #turn(size: number): void {
    const pending = this.length;
    const wanted = HEADROOM + pending + size;
    const { length } = this.bytes;
    const usual = FIRST_SLABS.find((bytes) => bytes > length && bytes >= wanted) ?? SLAB;
    const slab = Buffer.allocUnsafeSlow(wanted <= usual ? usual : Math.max(SLAB, Math.ceil(wanted * 1.5)));
    if (pending > 0) this.bytes.copy(slab, HEADROOM, this.#start + HEADROOM, this.#position);
    this.bytes = slab;
    this.#start = 0;
    this.#position = HEADROOM + pending;
  }
}
