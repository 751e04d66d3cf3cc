/** What a routine has of an iterable or a stream at the other end of its call, in the kind that was sent. */
import { type Give, makeGivable } from "./hand-over.ts";

/** The reader's end, as what reads from it sees it. */
export interface RemoteItems {
  next(): Promise<IteratorResult<unknown>>;
  /** Wants no more items. */
  stop(reason: unknown): void;
  /** Has its owner give the items to somebody else; see {@link Give}. */
  give(dispatcher: object | undefined): ReturnType<Give>;
}

/** A stream of the web, which asks for an item when somebody reads. */
export function readableOf(items: RemoteItems): ReadableStream<unknown> {
  const stream = new ReadableStream<unknown>(
    {
      async pull(controller) {
        const { done, value } = await items.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => items.stop(reason),
    },
    { highWaterMark: 0 },
  );
  makeGivable(stream, () => (dispatcher) => (stream.locked ? undefined : items.give(dispatcher)));
  return stream;
}

/** An async iterable that can be read once. */
export class RemoteIterable implements AsyncIterableIterator<unknown> {
  static {
    makeGivable(this.prototype, (iterable) => (dispatcher) => iterable.#items.give(dispatcher));
  }

  readonly #items: RemoteItems;

  constructor(items: RemoteItems) {
    this.#items = items;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#items.stop(undefined);
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.#items.next();
  }

  return(value?: unknown): Promise<IteratorResult<unknown>> {
    this.#items.stop(undefined);
    return Promise.resolve(value).then((settled) => ({ value: settled, done: true }));
  }

  throw(error: unknown): Promise<IteratorResult<unknown>> {
    this.#items.stop(error);
    return Promise.reject(error);
  }
}
