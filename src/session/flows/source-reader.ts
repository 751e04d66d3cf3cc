/**
 * Reads an async iterable, a stream of the web or one of Node's, and closes it: each in its own way, and only once. A
 * source that nobody has read is closed as well, since whoever has passed it on does not have it any more.
 */

/** What reads a source. */
interface Reader {
  next(): unknown;
  /** @returns Possibly a promise. */
  close(reason: unknown): unknown;
}

/** A source, read one item at a time. */
export class SourceReader {
  readonly #source: object;
  #reader: Reader | undefined;
  #isClosed = false;

  constructor(source: object) {
    this.#source = source;
  }

  /**
   * Asks for the next item.
   *
   * @returns An iterator's result, or a promise of one.
   * @throws If it cannot be read.
   */
  next(): unknown {
    this.#reader ??= readerOf(this.#source);
    return this.#reader.next();
  }

  /** It has ended by itself: there is nothing to close. */
  ended(): void {
    this.#isClosed = true;
  }

  /**
   * Nobody reads it any more. What goes wrong with that, nobody is there to hear.
   *
   * @param closed Called in a later turn of promises, once it has come to its end; not if it was closed or had ended before.
   */
  close(reason: unknown, closed: () => void = ignore): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    let closing: unknown;
    try {
      closing = this.#reader === undefined ? closeUnread(this.#source, reason) : this.#reader.close(reason);
    } catch {
      // as above
    }
    Promise.resolve(closing).then(closed, closed);
  }
}

function ignore(): void {}

function readerOf(source: object): Reader {
  if (source instanceof ReadableStream) {
    const reader = source.getReader();
    return { next: () => reader.read(), close: (reason) => reader.cancel(reason) };
  }
  const iterator = (source as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    close: (reason) => {
      if (isNodeStream(source)) source.destroy();
      return iterator.return?.(reason);
    },
  };
}

function closeUnread(source: object, reason: unknown): unknown {
  if (source instanceof ReadableStream) return source.locked ? undefined : source.cancel(reason);
  if (isNodeStream(source)) return source.destroy();
  const iterator = source as { readonly next?: unknown; return?: unknown };
  if (typeof iterator.next !== "function" || typeof iterator.return !== "function") return undefined;
  return (iterator as AsyncIterator<unknown>).return?.();
}

function isNodeStream(source: object): source is { destroy(): void } {
  const { destroy, pipe } = source as { readonly destroy?: unknown; readonly pipe?: unknown };
  return typeof destroy === "function" && typeof pipe === "function";
}
