/**
 * Bounds what callers can keep open without calling anything: so many streams in all, and each must begin to
 * speak in time. It judges nothing that is said.
 */
import { GrpcStatus } from "../grpc/status.ts";
import type { GrpcServerStream } from "./listen.ts";

/** What a guard allows. */
export interface StreamGuardOptions {
  /** Most streams at a time, over all connections. */
  readonly maxStreams: number;
  /** How long a stream may be open without a first message, in milliseconds. */
  readonly greetingMs: number;
}

/** Lets streams in. One for a server. */
export class StreamGuard {
  readonly #options: StreamGuardOptions;
  #open = 0;

  constructor(options: StreamGuardOptions) {
    this.#options = options;
  }

  /** Streams that are open. */
  get open(): number {
    return this.#open;
  }

  /**
   * Takes a new stream up, or ends it with RESOURCE_EXHAUSTED. One that stays silent is ended with
   * DEADLINE_EXCEEDED later. Call it in the turn in which the stream has come.
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
    const silence = setTimeout(() => {
      const details = `No message within ${greetingMs} ms`;
      stream.emit("error", { code: GrpcStatus.DEADLINE_EXCEEDED, details });
    }, greetingMs);
    stream.once("data", () => clearTimeout(silence));
    stream.once("close", () => {
      clearTimeout(silence);
      this.#open -= 1;
    });
    return true;
  }
}
