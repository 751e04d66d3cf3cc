/**
 * The carrier over gRPC's `session` method: a message per batch, bytes as they are. It owns its connection,
 * which it shares with nobody: HTTP/2 has one window for all streams of a connection, so a worker that is too
 * busy to read its session would not get a `stop` on the same connection either.
 */
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import { CARRIER_HEADROOM, type Carrier, type CarrierEvents } from "../../session/carrier.ts";
import type { GrpcCall, GrpcCallEvents } from "./call.ts";
import type { GrpcChannel } from "./channel.ts";
import { classifyCarrierEnd, type GrpcEnd } from "./error-from-status.ts";
import { GRPC_METHODS } from "./service.ts";

/** How long a closed connection waits for a peer that does not read what was sent before. */
const CLOSE_GRACE_MS = 2_000;

/** Batches over one gRPC stream. */
export class GrpcCarrier implements Carrier, GrpcCallEvents {
  readonly local = false;
  readonly volatile = false;
  readonly description: string;
  events: CarrierEvents | undefined;
  readonly #channel: GrpcChannel;
  readonly #call: GrpcCall;
  /** Whether the peer has sent anything. */
  #greeted = false;
  #closing = false;
  #closeDeadline: DeadlineEntry | undefined;

  /**
   * Calls `session` on the channel, which from here on is the carrier's.
   *
   * @param options `maxBatchBytes`: longest batch taken from the peer.
   * @throws {@link HandshakeError} when the connection has ended meanwhile.
   */
  constructor(
    channel: GrpcChannel,
    options: { readonly description: string; readonly maxBatchBytes: number },
  ) {
    this.description = options.description;
    this.#channel = channel;
    this.#call = channel.call(GRPC_METHODS.session, {
      maxMessageBytes: options.maxBatchBytes,
      events: this,
    });
  }

  send(batch: Uint8Array, tail?: Uint8Array): boolean {
    if (this.#closing) return true;
    return this.#call.send(batch.subarray(CARRIER_HEADROOM), tail);
  }

  whenWritten(done: () => void): void {
    this.#call.whenWritten(done);
  }

  holdInput(held: boolean): void {
    this.#call.holdInput(held);
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#call.halfClose();
    // A peer that never answers the end, or never reads, must not keep the connection open.
    this.#closeDeadline = deadlines.after(CLOSE_GRACE_MS, () => this.#channel.destroy());
  }

  destroy(error?: Error): void {
    this.#closing = true;
    this.#call.cancel(error);
    this.#channel.destroy();
  }

  message(bytes: Uint8Array, start: number, end: number): void {
    this.#greeted = true;
    this.events?.batch(bytes, start, end);
  }

  drain(): void {
    this.events?.drain();
  }

  ended(end: GrpcEnd): void {
    if (this.#closeDeadline !== undefined) deadlines.cancel(this.#closeDeadline);
    this.#channel.destroy();
    const error = classifyCarrierEnd(end, this.description, this.#greeted);
    // After `close` it does not matter how the connection ended, unless `destroy` has given an error.
    this.events?.closed(this.#closing && end.kind !== "cancelled" ? undefined : error);
  }
}
