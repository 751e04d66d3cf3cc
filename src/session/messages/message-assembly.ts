/** A message whose parts arrive in chunks: collects them in order, within the lengths that the peer announced. */
import { ProtocolError } from "../../errors/protocol-error.ts";
import type { FrameReader } from "../../wire/batch/frame-reader.ts";
import { FrameKind } from "../../wire/frame-kind.ts";
import type { ChunkReader } from "../../wire/messages/chunk.ts";
import type { FlowHead } from "../../wire/messages/flow.ts";
import type { Payload } from "../../wire/payload.ts";

/**
 * Memory set aside at once for a part, whatever total the peer claims: enough for most on this host, so that what has
 * come need not be copied; little from peers whose claims are counted. When a peer on this host, which belongs to the
 * same user, has sent so much, it gets all: what has come is copied once, however long the part is.
 */
const FIRST_ALLOCATION = 1024 * 1024;
const COUNTED_FIRST_ALLOCATION = 64 * 1024;

/** Gives memory back to which nobody refers any more. */
export type Release = (bytes: Uint8Array) => void;

/** All parts without bytes. */
const EMPTY_PART = new Uint8Array(0);

/** Which piece of which part some data are. */
type Chunk = Pick<ChunkReader, "part" | "total" | "last">;

/** Memory that nobody reads before it is filled, and which therefore need not be cleared. */
function room(lengthBytes: number): Uint8Array {
  return Buffer.allocUnsafeSlow(lengthBytes);
}

/** One message under way. */
export class MessageAssembly {
  readonly kind: FrameKind;
  readonly stream: number;
  readonly bodyUs: number;
  /** The changes of context variables that have come with its head. */
  readonly variables: Uint8Array | undefined;
  /** Of one about a flow: the head. */
  readonly flow: FlowHead | undefined;
  /** Whether a chunk has come: from then on it counts among the unfinished messages. */
  begun = false;
  /** About the memory that it takes up. */
  heldBytes: number;
  readonly #detached: boolean;
  /** The inline payload. */
  readonly #bytes: Uint8Array;
  readonly #parts: Uint8Array[] = [];
  readonly #expected: number;
  readonly #maxBytes: number;
  #sizeBytes: number;
  #current: Uint8Array | undefined;
  #filled = 0;
  #total = 0;

  readonly #partBytes: number;
  readonly #release: Release | undefined;

  /**
   * @param frame The head of the message. Only the needed parts of it are copied.
   * @param maxBytes The largest message allowed.
   * @param partBytes What each part takes up beside its bytes, as it is counted. Default 0: nothing is counted.
   * @param release Gives back memory that has become too small. Absent: that is left to the collector of garbage.
   */
  constructor(frame: FrameReader, maxBytes: number, partBytes = 0, release?: Release) {
    const { payload } = frame;
    this.kind = frame.kind;
    this.stream = frame.stream;
    this.bodyUs = frame.bodyUs;
    this.variables = frame.variables();
    if (frame.kind >= FrameKind.CallerFlow) {
      const { index, act, number, taken, trace } = frame.flow;
      this.flow = { index, act, number, taken, trace };
    }
    this.#detached = payload.detached;
    // Kept until the last part has come, while the batch's memory may be used again.
    this.#bytes = new Uint8Array(frame.bytes.subarray(payload.start, payload.end));
    this.#expected = payload.parts;
    this.#maxBytes = maxBytes;
    this.#partBytes = partBytes;
    this.#release = release;
    this.#sizeBytes = payload.end - payload.start;
    this.heldBytes = this.#sizeBytes + (this.variables?.length ?? 0);
  }

  /** The payload of the complete message. If it was detached, the first part is the payload. */
  get payload(): Payload {
    if (!this.#detached) return { bytes: this.#bytes, start: 0, end: this.#bytes.length, parts: this.#parts };
    const [bytes = this.#bytes, ...parts] = this.#parts;
    return { bytes, start: 0, end: bytes.length, parts };
  }

  /**
   * Takes the chunk that the frame holds.
   *
   * @returns Whether the message is complete.
   * @throws {@link ProtocolError} for a chunk out of order, of a wrong size, or beyond the limit.
   */
  add({ chunk, bytes, payload: { start, end } }: FrameReader): boolean {
    this.reserve(chunk, end - start).set(bytes.subarray(start, end));
    return this.filled(chunk, end - start);
  }

  /**
   * Makes room for the data of a chunk, of which {@link filled} is to be told next.
   *
   * @returns Memory of exactly that length.
   * @throws As {@link add}.
   */
  reserve(chunk: Chunk, lengthBytes: number): Uint8Array {
    if (chunk.part !== this.#parts.length) {
      throw new ProtocolError(
        `Expected a chunk of part ${this.#parts.length}, got one of part ${chunk.part}`,
      );
    }
    if (this.#current === undefined) {
      this.#total = chunk.total;
      this.#sizeBytes += chunk.total;
      if (this.#sizeBytes > this.#maxBytes) {
        throw new ProtocolError(
          `A message of at least ${this.#sizeBytes} bytes exceeds the limit of ${this.#maxBytes}`,
        );
      }
      const atOnce = this.#partBytes > 0 ? COUNTED_FIRST_ALLOCATION : FIRST_ALLOCATION;
      this.#current = chunk.total === 0 ? EMPTY_PART : room(Math.min(chunk.total, atOnce));
      this.#filled = 0;
      this.heldBytes += this.#current.length + this.#partBytes;
    } else if (chunk.total !== this.#total && chunk.total !== 0) {
      throw new ProtocolError("A part changed its size between two chunks");
    }
    const needed = this.#filled + lengthBytes;
    if (needed > this.#total) throw new ProtocolError("A part is longer than it was announced to be");
    if (needed > this.#current.length) {
      const outgrown = this.#current;
      const next = this.#partBytes > 0 ? Math.max(needed, outgrown.length * 2) : this.#total;
      this.#current = room(Math.min(this.#total, next));
      this.#current.set(outgrown.subarray(0, this.#filled));
      this.heldBytes += this.#current.length - outgrown.length;
      this.#release?.(outgrown);
    }
    return this.#current.subarray(this.#filled, needed);
  }

  /**
   * The memory that {@link reserve} has given for a chunk holds its data.
   *
   * @returns Whether the message is complete.
   * @throws As {@link add}.
   */
  filled(chunk: Chunk, lengthBytes: number): boolean {
    const current = this.#current;
    if (current === undefined) return false;
    this.#filled += lengthBytes;
    if (!chunk.last) {
      if (lengthBytes === 0) throw new ProtocolError("An empty chunk that is not the last one");
      return false;
    }
    if (this.#filled !== this.#total)
      throw new ProtocolError("A part is shorter than it was announced to be");
    this.#parts.push(current);
    this.#current = undefined;
    return this.#parts.length === this.#expected;
  }
}
