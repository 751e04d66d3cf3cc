/**
 * Events for any number of readers, each with a buffer of its own that loses its oldest entries when the
 * reader falls behind.
 *
 * Publishing never waits and costs next to nothing without subscribers. Not for anything whose loss matters.
 */
import { Fifo } from "./fifo.ts";

/** How to limit and end one subscription. */
export interface EventSubscriptionOptions {
  /** Ends the subscription: the iteration finishes without an error, and events not yet read are discarded. */
  readonly signal?: AbortSignal;
  /** The largest number of events kept for a slow reader, at least 1. Default: the `bufferLimit` of the stream. */
  readonly bufferLimit?: number;
}

/** The events published since it was made. For one reader; `return()` or a signal ends it. */
export interface EventSubscription<T> extends AsyncIterableIterator<T> {
  /** Events this reader lost because it was too slow. */
  readonly dropped: number;
  return(): Promise<IteratorResult<T>>;
}

/** Fans events out to async iterators. */
export class EventStream<T> {
  readonly #subscriptions = new Set<Subscription<T>>();
  readonly #bufferLimit: number;
  readonly #subscribers: ((count: number) => void) | undefined;
  #closed = false;

  /**
   * @param options `bufferLimit`: the largest number of events kept for each slow reader, default 1 000, at
   *   least 1. `subscribers`: told how many readers there are, whenever that changes; while there are none,
   *   events need not even be made.
   */
  constructor(
    options: { readonly bufferLimit?: number; readonly subscribers?: (count: number) => void } = {},
  ) {
    this.#bufferLimit = options.bufferLimit ?? 1_000;
    this.#subscribers = options.subscribers;
  }

  /** Gives `event` to every present reader. After `close()` it does nothing. */
  publish(event: T): void {
    for (const subscription of this.#subscriptions) subscription.push(event);
  }

  /** Starts reading: everything published from now on arrives, also before the first `next()`. */
  subscribe(options: EventSubscriptionOptions = {}): EventSubscription<T> {
    const { signal } = options;
    const subscription = new Subscription<T>(options.bufferLimit ?? this.#bufferLimit, () => {
      if (this.#subscriptions.delete(subscription)) this.#subscribers?.(this.#subscriptions.size);
      signal?.removeEventListener("abort", onAbort);
    });
    const onAbort = (): void => subscription.cut();
    if (this.#closed || signal?.aborted) {
      subscription.cut();
      return subscription;
    }
    this.#subscriptions.add(subscription);
    this.#subscribers?.(this.#subscriptions.size);
    signal?.addEventListener("abort", onAbort);
    return subscription;
  }

  /** Ends every subscription once its reader has read the buffered events. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.finish();
  }
}

type Waiter<T> = (result: IteratorResult<T>) => void;

class Subscription<T> implements EventSubscription<T> {
  readonly #buffer = new Fifo<T>();
  readonly #waiters = new Fifo<Waiter<T>>();
  readonly #limit: number;
  readonly #onEnd: () => void;
  #ended = false;
  dropped = 0;

  constructor(limit: number, onEnd: () => void) {
    this.#limit = limit;
    this.#onEnd = onEnd;
  }

  push(event: T): void {
    if (this.#ended) return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter({ done: false, value: event });
      return;
    }
    if (this.#buffer.size >= this.#limit) {
      this.#buffer.shift();
      this.dropped += 1;
    }
    this.#buffer.push(event);
  }

  /** No further events; buffered ones may still be read. */
  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    for (const waiter of this.#waiters.drain()) waiter({ done: true, value: undefined });
  }

  /** No further events; buffered ones are dropped. */
  cut(): void {
    this.#buffer.drain();
    this.finish();
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#buffer.size > 0) {
      // The size says that there is a value; its type may include undefined.
      return Promise.resolve({ done: false, value: this.#buffer.shift() as T });
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.cut();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
