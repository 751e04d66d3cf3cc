/**
 * The messages of one operation on a tracing channel, in the order of Node's `tracePromise`: `start`, `end` when its
 * synchronous part is over, then once it is over `error` if it failed, `asyncStart`, `asyncEnd`. Each is published once.
 * What a subscriber throws harms no operation: Node reports it as an uncaught exception of its own.
 */
import type { TracingChannel } from "node:diagnostics_channel";

/** One operation. */
export class OperationMessages {
  readonly #channel: TracingChannel;
  readonly #message: object;
  #hasEnded = false;
  #isOver = false;
  #hasFailed = false;

  /** @param message Published to every channel. */
  constructor(channel: TracingChannel, message: object) {
    this.#channel = channel;
    this.#message = message;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Runs the synchronous part, in the stores that are bound to `start`. */
  begin<T>(fn: () => T): T {
    return this.#channel.start.runStores(this.#message, () => {
      try {
        return fn();
      } finally {
        this.#hasEnded = true;
        this.#channel.end.publish(this.#message);
        if (this.#isOver) this.#publishEnd();
      }
    });
  }

  /** It is over. Within the synchronous part, that is told after it. */
  over(hasFailed: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#hasFailed = hasFailed;
    if (this.#hasEnded) this.#publishEnd();
  }

  #publishEnd(): void {
    const { error, asyncStart, asyncEnd } = this.#channel;
    if (this.#hasFailed) error.publish(this.#message);
    asyncStart.publish(this.#message);
    asyncEnd.publish(this.#message);
  }
}
