/**
 * Cuts the bytes of a gRPC stream into messages: a flag byte, a length of four bytes, big-endian, and the
 * message. A message that arrives in one piece is handed out in place, and the bytes that a peer can make it
 * buffer are bounded.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";

/** Length of the prefix of each message. */
export const GRPC_PREFIX_BYTES = 5;

/** Takes one message; its memory is not used again. */
export type GrpcMessageSink = (bytes: Uint8Array, start: number, end: number) => void;

/** The messages of one stream. */
export class GrpcMessageReader {
  readonly #maxBytes: number;
  readonly #sink: GrpcMessageSink;
  readonly #prefix: Buffer = Buffer.alloc(GRPC_PREFIX_BYTES);
  #prefixBytes = 0;
  /** A message whose end has not come yet. */
  #partial: Buffer | undefined;
  #partialBytes = 0;
  #tooLong = false;

  /** @param maxBytes Longest message taken. */
  constructor(maxBytes: number, sink: GrpcMessageSink) {
    this.#maxBytes = maxBytes;
    this.#sink = sink;
  }

  /** Whether the last message has come to its end. */
  get complete(): boolean {
    return this.#partial === undefined && this.#prefixBytes === 0;
  }

  /** Whether {@link read} has thrown because a message is longer than the limit. */
  get tooLong(): boolean {
    return this.#tooLong;
  }

  /** Bytes of a message whose end has not come yet. */
  get heldBytes(): number {
    return this.#partial === undefined ? 0 : this.#partialBytes;
  }

  /**
   * Takes the next bytes.
   *
   * @throws {@link ProtocolError} for a message that is compressed or beyond the limit.
   */
  read(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#partial !== undefined) {
        offset = this.#fill(this.#partial, chunk, offset);
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
    this.#partial = Buffer.allocUnsafe(length);
    this.#partialBytes = 0;
  }

  #fill(partial: Buffer, chunk: Buffer, from: number): number {
    const copied = chunk.copy(partial, this.#partialBytes, from);
    this.#partialBytes += copied;
    if (this.#partialBytes === partial.length) {
      this.#partial = undefined;
      this.#sink(partial, 0, partial.length);
    }
    return from + copied;
  }
}
