/**
 * Limits how many streams callers may have open over all connections, and ends a stream that sends no first message in
 * time. It does not look at what is sent.
 */
import { type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import { GrpcStatus } from "../grpc/status-codes.ts";
import type { CallStatus } from "./server-call.ts";

/** What a guard allows. */
export interface StreamGuardOptions {
  /** The largest number of streams at a time, over all connections. */
  readonly maxStreams: number;
  /** How long a stream may be open without a first message, in milliseconds. */
  readonly greetingMs: number;
}

/** One stream that was let in. */
export interface StreamPermit {
  /** Its first message has come. Idempotent. */
  greeted(): void;
  /** It is over. Called exactly once. */
  closed(): void;
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
   * Judges a new stream.
   *
   * @param end Ends the stream, should it stay silent.
   * @returns A permit, or `undefined` if there are too many.
   */
  admit(end: (status: CallStatus) => void): StreamPermit | undefined {
    const { maxStreams, greetingMs } = this.#options;
    if (this.#open >= maxStreams) return undefined;
    this.#open += 1;
    const silence = this.#queue.after(greetingMs, () =>
      end({ code: GrpcStatus.DEADLINE_EXCEEDED, details: `No message within ${greetingMs} ms` }),
    );
    return {
      greeted: () => this.#queue.cancel(silence),
      closed: () => {
        this.#queue.cancel(silence);
        this.#open -= 1;
      },
    };
  }
}
