/**
 * Limits how many streams callers may have open, and ends a stream that sends no first message in time. It does not
 * look at what is sent.
 */

import { type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import { GrpcStatus } from "../grpc/status-codes.ts";
import type { GrpcServerStream } from "./listen.ts";

/** What a guard allows. */
export interface StreamGuardOptions {
  /** The largest number of streams at a time, over all connections. */
  readonly maxStreams: number;
  /** How long a stream may be open without a first message, in milliseconds. */
  readonly greetingMs: number;
}

/** Lets streams in. One for a server. */
export class StreamGuard {
  readonly #options: StreamGuardOptions;
  readonly #queue: DeadlineQueue;
  #open = 0;

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(options: StreamGuardOptions, queue: DeadlineQueue = deadlines) {
    this.#options = options;
    this.#queue = queue;
  }

  /** Streams that are open. */
  get open(): number {
    return this.#open;
  }

  /**
   * Accepts a new stream, or ends it with RESOURCE_EXHAUSTED when there are too many. One that stays silent is ended
   * with DEADLINE_EXCEEDED later. Call it synchronously when the stream arrives, or it may miss the first message.
   *
   * @returns Whether it may go on.
   */
  admit(stream: GrpcServerStream): boolean {
    const { maxStreams, greetingMs } = this.#options;
    if (this.#open >= maxStreams) {
      const details = `This worker already has ${maxStreams} streams; nothing was started. Try again later, or another worker`;
      stream.emit("error", { code: GrpcStatus.RESOURCE_EXHAUSTED, details });
      return false;
    }
    this.#open += 1;
    const silence = this.#queue.after(greetingMs, () => {
      const details = `No message within ${greetingMs} ms`;
      stream.emit("error", { code: GrpcStatus.DEADLINE_EXCEEDED, details });
    });
    stream.once("data", () => this.#queue.cancel(silence));
    stream.once("close", () => {
      this.#queue.cancel(silence);
      this.#open -= 1;
    });
    return true;
  }
}
