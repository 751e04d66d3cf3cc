/**
 * The messages of one connection on their way to the peer: small ones in one frame, the rest in chunks,
 * all of them within the peer's window. It does not write the frames themselves. On one stream, nothing
 * overtakes the parts of the message before it.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";
import { Feature } from "../../wire/features.ts";
import type { Hello } from "../../wire/frames.ts";
import { CHUNK_SIZE } from "../../wire/messages/chunk.ts";
import type { Carrier } from "../carrier.ts";
import type { OutboundBatch } from "../outbound-batch.ts";
import { OutboundTransfer } from "./outbound-transfer.ts";
import type { Payload } from "./payload.ts";

/** Writes one message frame around the payload range given. */
export type WriteMessage = (
  bytes: Uint8Array,
  start: number,
  end: number,
  parts: number,
  detached: boolean,
) => void;

/** A window no peer has: one that returns so much counts wrongly. */
const MAX_WINDOW = 2 ** 40;

/** The sending side of all streams. */
export class OutboundMessages {
  readonly #carrier: Carrier;
  readonly #batch: OutboundBatch;
  readonly #transfers = new Map<number, OutboundTransfer>();
  /** Bytes of messages that may still be sent before the peer returns some. */
  #windowBytes = 0;
  /** Payloads up to this size travel inside their frame; chunks are as large. */
  #inlineBytes = CHUNK_SIZE;
  #maxOpen = 0;
  #takesParts = false;

  constructor(carrier: Carrier, batch: OutboundBatch) {
    this.#carrier = carrier;
    this.#batch = batch;
  }

  /** Whether bulk should be held back: the carrier or the peer's window is full. */
  get congested(): boolean {
    return this.#batch.congested || this.#windowBytes <= 0;
  }

  /** Whether binary may travel beside a message. Where it may not, the sender encodes it inside. */
  get takesParts(): boolean {
    return this.#takesParts;
  }

  /** From here on messages go out as the peer takes them: without `Feature.Parts`, each in one frame. */
  keepTo({ limits, features }: Hello): void {
    this.#takesParts = features.includes(Feature.Parts);
    this.#windowBytes = limits.connectionWindow;
    const chunkBytes = Math.max(1, Math.min(CHUNK_SIZE, limits.maxBatch >>> 2));
    this.#inlineBytes = this.#takesParts ? chunkBytes : Number.MAX_SAFE_INTEGER;
    this.#maxOpen = limits.maxOpenMessages;
  }

  /**
   * Writes a message of a stream: in one frame when it is small, else its head now and the rest in
   * chunks. A message waits for the parts of the one before it on the same stream.
   *
   * @param write Writes the frame itself; the range is empty when the payload is detached.
   */
  send(stream: number, payload: Payload, write: WriteMessage): void {
    const { bytes, start, end, parts } = payload;
    const before = this.#transferOf(stream);
    if (before !== undefined) {
      const waiting = { bytes, start, end, parts };
      before.after.push(() => this.send(stream, waiting, write));
      return;
    }
    const length = end - start;
    if (length > this.#inlineBytes) {
      write(bytes, 0, 0, parts.length + 1, true);
      this.#transfers.set(stream, new OutboundTransfer(stream, [bytes.subarray(start, end), ...parts]));
    } else {
      this.#windowBytes -= length;
      write(bytes, start, end, parts.length, false);
      if (parts.length > 0) this.#transfers.set(stream, new OutboundTransfer(stream, parts));
    }
    this.#batch.scheduleFlush();
  }

  /** Whether a message goes out in one frame, with nothing of its stream under way before it. */
  isPlain(stream: number, payload: Payload): boolean {
    return (
      payload.parts.length === 0 &&
      payload.end - payload.start <= this.#inlineBytes &&
      (this.#transfers.size === 0 || !this.#transfers.has(stream))
    );
  }

  /** Counts a message written directly against the peer's window. */
  countSent(bytes: number): void {
    this.#windowBytes -= bytes;
  }

  /** Runs `write` now, or once the parts under way on this stream have left. */
  inOrder(stream: number, write: () => void): void {
    const before = this.#transferOf(stream);
    if (before === undefined) write();
    else before.after.push(write);
  }

  /** Stops sending parts of a stream, and what was to follow them. */
  drop(stream: number): void {
    if (this.#transfers.size > 0) this.#transfers.delete(stream);
  }

  clear(): void {
    this.#transfers.clear();
  }

  /**
   * The peer has taken so many bytes out of its window: as many more may follow.
   *
   * @throws {@link ProtocolError} when it returns more than it can have had.
   */
  windowReturned(bytes: number): void {
    this.#windowBytes += bytes;
    if (this.#windowBytes > MAX_WINDOW)
      throw new ProtocolError("The peer returned more bytes than were sent");
    this.pump();
  }

  /**
   * Sends one chunk of every transfer in turn, as long as carrier and window take them. Only as many
   * messages as the peer allows are under way at a time; the others wait with their heads sent.
   */
  pump(): void {
    while (this.#transfers.size > 0 && !this.congested && !this.#batch.ended) {
      let visited = 0;
      for (const [stream, transfer] of this.#transfers) {
        if (visited++ === this.#maxOpen) break;
        // A chunk must not overtake its head, and small frames go between two chunks.
        this.#batch.flush();
        if (this.congested) break;
        const { sentBytes, more } = transfer.sendChunk(this.#carrier, this.#inlineBytes);
        this.#windowBytes -= sentBytes;
        if (!more) this.#batch.holdBack();
        if (transfer.done) {
          this.#transfers.delete(stream);
          for (const write of transfer.after) this.inOrder(stream, write); // one of them may begin a transfer of its own
        }
        if (this.congested) break;
      }
      this.#batch.flush();
    }
  }

  /** The message of this stream whose parts are still leaving. */
  #transferOf(stream: number): OutboundTransfer | undefined {
    return this.#transfers.size > 0 ? this.#transfers.get(stream) : undefined;
  }
}
