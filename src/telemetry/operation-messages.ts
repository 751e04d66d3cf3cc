/**
 * The messages of one operation on a tracing channel, in the order of Node's `tracePromise`: `start`, `end` when its
 * synchronous part is over, then once it is over `error` if it failed, `asyncStart`, `asyncEnd`. Each is published once.
 * What a subscriber throws harms no operation: Node reports it as an uncaught exception of its own.
 */
import type { Channel, TracingChannel } from "node:diagnostics_channel";

/** One operation. */
export class OperationMessages<M extends object = object> {
  readonly #channel: TracingChannel;
  /** Told the same, right after it; absent: nobody else is. */
  readonly #second: TracingChannel | undefined;
  /** Published to every channel. */
  protected readonly message: M;
  #hasEnded = false;
  #isOver = false;
  #hasFailed = false;

  constructor(channel: TracingChannel, message: M, second?: TracingChannel) {
    this.#channel = channel;
    this.#second = second;
    this.message = message;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether its synchronous part is over. */
  protected get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Runs the synchronous part, in the stores that are bound to `start`. */
  begin<T>(fn: () => T): T {
    const { start } = this.#channel;
    if (hasBoundStores(start)) return start.runStores(this.message, () => this.#beginPart(fn));
    start.publish(this.message);
    return this.#beginPart(fn);
  }

  /** It is over. Within the synchronous part, that is told after it. */
  over(hasFailed: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#hasFailed = hasFailed;
    if (this.#hasEnded) this.#publishEnd();
  }

  #beginPart<T>(fn: () => T): T {
    this.#second?.start.publish(this.message);
    try {
      return fn();
    } finally {
      this.#hasEnded = true;
      this.#channel.end.publish(this.message);
      this.#second?.end.publish(this.message);
      if (this.#isOver) this.#publishEnd();
    }
  }

  #publishEnd(): void {
    this.#publishEndTo(this.#channel);
    if (this.#second !== undefined) this.#publishEndTo(this.#second);
  }

  #publishEndTo({ error, asyncStart, asyncEnd }: TracingChannel): void {
    if (this.#hasFailed) error.publish(this.message);
    asyncStart.publish(this.message);
    asyncEnd.publish(this.message);
  }
}

/**
 * Whether code that is run for a message has to be run in stores: `runStores` makes two functions and a list for each
 * message even where there are none. Node keeps them in a map, which is only looked at; of a Node that has no such map
 * the answer is that there may be some.
 */
export function hasBoundStores(channel: Channel): boolean {
  if (!channel.hasSubscribers) return false; // one with stores says that it has some
  const { _stores: stores } = channel as { readonly _stores?: { readonly size?: unknown } };
  return stores?.size !== 0;
}
