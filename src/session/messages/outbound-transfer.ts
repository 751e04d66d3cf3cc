/** The parts of one message on their way out, cut into chunks that interleave with other frames. */
import { encodeChunkHead } from "../../wire/messages/chunk.ts";
import type { Carrier } from "../carrier.ts";

/** One message's parts, sent chunk by chunk without copying them. */
export class OutboundTransfer {
  readonly stream: number;
  readonly #parts: readonly Uint8Array[];
  /** Bytes that it and what follows it keep waiting. */
  heldBytes: number;
  #part = 0;
  #offset = 0;
  /** What comes after the parts: frames of the same stream that must not overtake them, and whoever waits for their end. */
  readonly after: Array<() => void> = [];

  constructor(stream: number, parts: readonly Uint8Array[]) {
    this.stream = stream;
    this.#parts = parts;
    this.heldBytes = parts.reduce((sum, { length }) => sum + length, 0);
  }

  get done(): boolean {
    return this.#part === this.#parts.length;
  }

  /**
   * Sends the next chunk.
   *
   * @param maxBytes Length of a full chunk.
   * @returns Bytes of payload sent, and whether the carrier takes more.
   */
  sendChunk(carrier: Carrier, maxBytes: number): { readonly sentBytes: number; readonly more: boolean } {
    const part = this.#parts[this.#part];
    if (part === undefined) return { sentBytes: 0, more: true };
    const end = Math.min(part.length, this.#offset + maxBytes);
    const data = part.subarray(this.#offset, end);
    const last = end === part.length;
    const head = encodeChunkHead(this.stream, this.#part, part.length, last, data.length);
    const more = carrier.send(head, data);
    if (last) {
      this.#part += 1;
      this.#offset = 0;
    } else {
      this.#offset = end;
    }
    return { sentBytes: data.length, more };
  }
}
