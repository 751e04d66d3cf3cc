/**
 * Cuts the bytes of a gRPC stream into messages: a flag byte, a length of four bytes, big-endian, and the
 * message. A message that arrives in one piece is handed out in place. For others memory is set aside as they arrive,
 * never more than twice what has come: what a peer claims costs nothing.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";

/** Length of the prefix of each message. */
export const GRPC_PREFIX_BYTES = 5;

/**
 * What is set aside at first for a message that has not come whole: a chunk of a session's, head included. Longer ones are
 * joined in the end. Where memory is short, as much as comes at once.
 */
const FIRST_BLOCK_BYTES = 65 * 1024;
const SHORT_FIRST_BLOCK_BYTES = 16 * 1024;

/** What a reader may use for the memory of its messages. */
export interface MessageMemory {
  /** Whether memory is short. */
  readonly isShort: () => boolean;
  /** Gives back the memory of a message's parts once they have been joined. */
  readonly release: (bytes: Uint8Array) => void;
}

/** Takes one message; its memory is not used again. */
export type GrpcMessageSink = (bytes: Uint8Array, start: number, end: number) => void;

/** The messages of one stream. */
export class GrpcMessageReader {
  readonly #maxBytes: number;
  readonly #sink: GrpcMessageSink;
  readonly #memory: MessageMemory | undefined;
  readonly #prefix: Buffer = Buffer.alloc(GRPC_PREFIX_BYTES);
  #prefixBytes = 0;
  /** Length of the message whose end has not come yet; 0: there is none. */
  #length = 0;
  /** The part of it that is being filled, and how far. */
  #block: Buffer | undefined;
  #blockBytes = 0;
  /** The parts before that, which are full. */
  #full: Buffer[] = [];
  #fullBytes = 0;
  #tooLong = false;

  /**
   * @param maxBytes Longest message taken.
   * @param memory Absent: there is enough, and the collector of garbage sees to what is not needed any more.
   */
  constructor(maxBytes: number, sink: GrpcMessageSink, memory?: MessageMemory) {
    this.#maxBytes = maxBytes;
    this.#sink = sink;
    this.#memory = memory;
  }

  /** Whether the last message has come to its end. */
  get complete(): boolean {
    return this.#length === 0 && this.#prefixBytes === 0;
  }

  /** Whether {@link read} has thrown because a message is longer than the limit. */
  get tooLong(): boolean {
    return this.#tooLong;
  }

  /** Bytes set aside for a message whose end has not come yet. */
  get heldBytes(): number {
    return this.#fullBytes + (this.#block?.length ?? 0);
  }

  /**
   * Takes the next bytes.
   *
   * @throws {@link ProtocolError} for a message that is compressed or beyond the limit.
   */
  read(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#length > 0) {
        offset = this.#fill(chunk, offset);
        continue;
      }
      if (this.#prefixBytes === 0 && chunk.length - offset >= GRPC_PREFIX_BYTES) {
        const start = offset + GRPC_PREFIX_BYTES;
        const length = this.#lengthOf(chunk, offset);
        if (start + length <= chunk.length) {
          this.#sink(chunk, start, start + length);
          offset = start + length;
          continue;
        }
        this.#begin(length);
        offset = start;
        continue;
      }
      const copied = chunk.copy(
        this.#prefix,
        this.#prefixBytes,
        offset,
        offset + GRPC_PREFIX_BYTES - this.#prefixBytes,
      );
      this.#prefixBytes += copied;
      offset += copied;
      if (this.#prefixBytes < GRPC_PREFIX_BYTES) return;
      this.#prefixBytes = 0;
      this.#begin(this.#lengthOf(this.#prefix, 0));
    }
  }

  #lengthOf(bytes: Buffer, at: number): number {
    if (bytes[at] !== 0) throw new ProtocolError("Cannot read a gRPC message: it is compressed, or none");
    const length = bytes.readUInt32BE(at + 1);
    if (length > this.#maxBytes) {
      this.#tooLong = true;
      throw new ProtocolError(
        `Cannot read a gRPC message of ${length} bytes: this side takes at most ${this.#maxBytes} here`,
      );
    }
    return length;
  }

  #begin(length: number): void {
    if (length === 0) {
      this.#sink(this.#prefix, 0, 0);
      return;
    }
    this.#length = length;
  }

  #fill(chunk: Buffer, from: number): number {
    this.#block ??= this.#nextBlock();
    const block = this.#block;
    const copied = chunk.copy(block, this.#blockBytes, from);
    this.#blockBytes += copied;
    if (this.#blockBytes < block.length) return from + copied;
    this.#block = undefined;
    this.#blockBytes = 0;
    if (this.#fullBytes + block.length < this.#length) {
      this.#full.push(block);
      this.#fullBytes += block.length;
      return from + copied;
    }
    const message = this.#full.length === 0 ? block : this.#join([...this.#full, block]);
    this.#length = 0;
    this.#full = [];
    this.#fullBytes = 0;
    this.#sink(message, 0, message.length);
    return from + copied;
  }

  #join(parts: readonly Buffer[]): Buffer {
    const message = Buffer.concat(parts, this.#length);
    if (this.#memory !== undefined) for (const part of parts) this.#memory.release(part);
    return message;
  }

  /** As long as all before it together: so a message is joined of few parts, and no claim is believed far ahead. */
  #nextBlock(): Buffer {
    const first = this.#memory?.isShort() === true ? SHORT_FIRST_BLOCK_BYTES : FIRST_BLOCK_BYTES;
    const wanted = Math.max(first, this.#fullBytes);
    return Buffer.allocUnsafe(Math.min(wanted, this.#length - this.#fullBytes));
  }
}
