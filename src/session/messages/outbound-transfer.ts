/** The parts of one message on their way out, cut into chunks that interleave with other frames. */
import { lend, unlend } from "../../codec/beside/claims.ts";
import type { OutboundBatch } from "../outbound-batch.ts";

/** One message's parts, sent chunk by chunk without copying them. */
export class OutboundTransfer {
  readonly stream: number;
  readonly #parts: readonly Uint8Array[];
  /** Bytes that it and what follows it keep waiting. */
  heldBytes: number;
  readonly #lent: (readonly ArrayBufferLike[])[] = [];
  #part = 0;
  #offset = 0;
  /** What comes after the parts: frames of the same stream that must not overtake them, and whoever waits for their end. */
  readonly after: Array<() => void> = [];

  constructor(stream: number, parts: readonly Uint8Array[]) {
    this.stream = stream;
    this.#parts = parts;
    this.heldBytes = parts.reduce((sum, { length }) => sum + length, 0);
    this.lendMore(parts);
  }

  /** These are sent from where they are, by it or by what follows. */
  lendMore(parts: readonly Uint8Array[]): void {
    const buffers = parts.map(({ buffer }) => buffer);
    lend(buffers);
    this.#lent.push(buffers);
  }

  /** Nothing is sent any more, and nothing waits to leave: others may take the memory of the parts. */
  end(): void {
    for (const buffers of this.#lent) unlend(buffers);
  }

  get done(): boolean {
    return this.#part === this.#parts.length;
  }

  /**
   * Sends the next chunk, in one batch with the frames that were written before it.
   *
   * @param maxBytes Length of a full chunk.
   * @returns Bytes of payload sent.
   */
  sendChunk(batch: OutboundBatch, maxBytes: number): number {
    const part = this.#parts[this.#part];
    if (part === undefined) return 0;
    const total = part.length;
    const end = Math.min(total, this.#offset + maxBytes);
    const data = part.subarray(this.#offset, end);
    const last = end === total;
    batch.writer.chunkHead(this.stream, { part: this.#part, total, last, dataLength: data.length });
    batch.flush(data);
    if (last) {
      this.#part += 1;
      this.#offset = 0;
    } else {
      this.#offset = end;
    }
    return data.length;
  }
}
