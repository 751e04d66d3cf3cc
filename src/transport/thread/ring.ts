/**
 * A ring of records in shared memory: one thread writes, one reads, neither waits for the other. Who wakes whom is up to
 * `sleep-word.ts`.
 *
 * The order of memory is that of `Atomics`, which is sequential. The writer fills a record and then stores `HEAD`, by
 * which the reader may see it; the reader copies a record and then stores `TAIL`, by which the writer may overwrite it.
 * Nothing else is ever looked at by both. A writer that is terminated within a record has not stored its head: the record
 * was never there. A writer that waits for the reader stores where, then `WAITS`, and then looks at `TAIL` again; the
 * reader stores `TAIL` and then looks at `WAITS`; so one of them sees the other, and whoever takes the mark back is the one
 * that acts on it.
 *
 * A record is two words, the length of its bytes and a number of the writer's, and the bytes, filled up to whole pairs of
 * words. It may begin at the end of the ring and go on at its beginning. Places are counted modulo 2³², and never more than
 * the ring holds apart.
 */

/** Bytes of records that a ring holds; a power of two. */
const RING_BYTES = 256 * 1024;

/** The largest record: so that there is always room for one when half of the ring has been read. */
export const MAX_RECORD_BYTES: number = 96 * 1024;

const RECORD_HEAD_BYTES = 8;

// Each on a cache line of its own.
const HEAD = 0;
const TAIL = 16;
const WAITS = 32;
const WAKE_AT = 33;
const WORDS = 48;

/** Length of a record that has no bytes, and stands for something that comes another way. */
const MARK = -1;
const WORDS_BYTES = WORDS * Int32Array.BYTES_PER_ELEMENT;

/** From this length on, the fixed cost of `fill` is less than what `set` takes longer where the ends are not equally aligned. */
const FILL_FROM_BYTES = 128;
const FIRST_BUFFER_BYTES = 4 * 1024;

/**
 * Makes the memory of one ring.
 *
 * @param counted Where both ends begin to count, an integer of 32 bits that 8 divides; another than 0 for tests.
 */
export function createRingMemory(counted = 0): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(WORDS_BYTES + RING_BYTES);
  const words = new Int32Array(memory);
  words[HEAD] = counted;
  words[TAIL] = counted;
  return memory;
}

/** The end that writes. */
export class RingWriter {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  #head: number;
  /** As last seen: at most that much is taken. */
  #tail: number;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#bytes = Buffer.from(memory, WORDS_BYTES);
    this.#head = Atomics.load(this.#words, HEAD);
    this.#tail = Atomics.load(this.#words, TAIL);
  }

  /** Where the next record will begin. */
  get at(): number {
    return this.#head;
  }

  /** Where the oldest record begins that may not have been read. */
  get readTo(): number {
    return Atomics.load(this.#words, TAIL);
  }

  /** Where half of the ring will have been read. */
  get halfReadAt(): number {
    return (this.#head - RING_BYTES / 2) | 0;
  }

  /**
   * Writes a record.
   *
   * @param bytes Its bytes, after `front` others which are left out, 4 at most.
   * @param rest More of its bytes; {@link MAX_RECORD_BYTES} at most together.
   * @param note A number for the reader, of 32 bits.
   * @returns Whether there was room; otherwise nothing has been written.
   */
  write(bytes: Uint8Array, front: number, rest: Uint8Array | undefined, note: number): boolean {
    const length = bytes.length - front + (rest?.length ?? 0);
    if (!this.fits(length)) return false;
    const from = this.#head + RECORD_HEAD_BYTES;
    // What is in front of the bytes comes to lie in the record's head, which is written over it.
    this.#copy(bytes, from - front);
    if (rest !== undefined) this.#copy(rest, from + bytes.length - front);
    this.#publish(length, note);
    return true;
  }

  /** As {@link write}, of a record without bytes that is none of length 0. There must be room for it. */
  mark(note: number): void {
    this.#publish(MARK, note);
  }

  /** Whether there is room for a record with so many bytes. */
  fits(lengthBytes: number): boolean {
    const end = (this.#head + recordBytes(lengthBytes)) | 0;
    if (((end - this.#tail) | 0) <= RING_BYTES) return true;
    this.#tail = Atomics.load(this.#words, TAIL);
    return ((end - this.#tail) | 0) <= RING_BYTES;
  }

  /**
   * Asks the reader to say when it has read so far.
   *
   * @returns Whether it has by now: then it says nothing.
   */
  awaitReader(at: number): boolean {
    Atomics.store(this.#words, WAKE_AT, at);
    Atomics.store(this.#words, WAITS, 1);
    if (((this.readTo - at) | 0) < 0) return false;
    return Atomics.compareExchange(this.#words, WAITS, 1, 0) === 1;
  }

  /** Whether nothing has been asked that has not been answered. */
  get answered(): boolean {
    return Atomics.load(this.#words, WAITS) === 0;
  }

  #publish(length: number, note: number): void {
    const word = WORDS + ((this.#head & (RING_BYTES - 1)) >>> 2);
    this.#words[word] = length;
    this.#words[word + 1] = note;
    this.#head = (this.#head + recordBytes(length)) | 0;
    Atomics.store(this.#words, HEAD, this.#head);
  }

  #copy(from: Uint8Array, at: number): void {
    const start = at & (RING_BYTES - 1);
    const first = RING_BYTES - start;
    if (from.length <= first) {
      copy(this.#bytes, start, from);
      return;
    }
    copy(this.#bytes, start, from.subarray(0, first));
    copy(this.#bytes, 0, from.subarray(first));
  }
}

/** The end that reads. */
export class RingReader {
  /** The bytes of the record that was read last, from 0 to {@link length}; overwritten by the next. */
  bytes: Buffer = privateBuffer(FIRST_BUFFER_BYTES);
  length = 0;
  /** Whether it stands for something that comes another way. */
  marks = false;
  /** The number that came with it. */
  note = 0;
  readonly #words: Int32Array;
  readonly #ring: Buffer;
  #tail: number;
  #releasedTo: number;
  /** As last seen. */
  #head: number;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#ring = Buffer.from(memory, WORDS_BYTES);
    this.#tail = Atomics.load(this.#words, TAIL);
    this.#releasedTo = this.#tail;
    this.#head = this.#tail;
  }

  /** Whether so much has been read and not released that the writer may soon lack it. */
  get isFarAhead(): boolean {
    return ((this.#tail - this.#releasedTo) | 0) > RING_BYTES / 4;
  }

  /** Whether there is a record to read. */
  get pending(): boolean {
    return this.#tail !== Atomics.load(this.#words, HEAD);
  }

  /** From here on {@link next} reads what is there by now. */
  look(): void {
    this.#head = Atomics.load(this.#words, HEAD);
  }

  /** Reads the next record of those there were at the last {@link look}. Returns false if there is none. */
  next(): boolean {
    const tail = this.#tail;
    if (tail === this.#head) return false;
    const word = WORDS + ((tail & (RING_BYTES - 1)) >>> 2);
    // Within the ring.
    const length = this.#words[word] as number;
    this.note = this.#words[word + 1] as number;
    this.length = length;
    this.marks = length === MARK;
    if (length > 0) this.#take(length, (tail + RECORD_HEAD_BYTES) & (RING_BYTES - 1));
    this.#tail = (tail + recordBytes(length)) | 0;
    return true;
  }

  /**
   * Lets the writer have the room of what has been read.
   *
   * @returns Whether the writer has asked for that, and is to be woken.
   */
  release(): boolean {
    this.#releasedTo = this.#tail;
    Atomics.store(this.#words, TAIL, this.#tail);
    if (Atomics.load(this.#words, WAITS) === 0) return false;
    if (((this.#tail - Atomics.load(this.#words, WAKE_AT)) | 0) < 0) return false;
    return Atomics.compareExchange(this.#words, WAITS, 1, 0) === 1;
  }

  #take(length: number, start: number): void {
    if (length > this.bytes.length) this.bytes = privateBuffer(Math.min(MAX_RECORD_BYTES, 2 * length));
    const first = RING_BYTES - start;
    if (length <= first) {
      copy(this.bytes, 0, this.#ring.subarray(start, start + length));
      return;
    }
    copy(this.bytes, 0, this.#ring.subarray(start));
    copy(this.bytes, first, this.#ring.subarray(0, length - first));
  }
}

/** Bytes of the ring that a record takes; a mark takes as many as one without bytes. */
function recordBytes(length: number): number {
  return (length + RECORD_HEAD_BYTES + 7) & ~7;
}

/**
 * Copies to or from shared memory, which `set` does byte by byte where the ends are not equally aligned: 430 instead of
 * 64 µs a mebibyte. `fill` does it at once, however they lie, and takes longer to begin.
 */
function copy(to: Buffer, at: number, from: Uint8Array): void {
  if (from.length < FILL_FROM_BYTES) to.set(from, at);
  else to.fill(from, at, at + from.length);
}

/** Not of the pool of buffers, so that it begins where eight bytes do. */
function privateBuffer(length: number): Buffer {
  return Buffer.allocUnsafeSlow(length);
}
