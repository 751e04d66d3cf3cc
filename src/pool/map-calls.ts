/** Maps an iterable through calls with bounded concurrency and back-pressure, as an async iterator. */
import { InvalidOptionError } from "../errors/invalid-option-error.ts";

/** How to map. */
export interface MapOptions {
  /** Most items under way at a time, results not yet taken included: an integer from 1. Default: 16 per worker. */
  readonly concurrency?: number | undefined;
  /** Whether results come in the order of the items, or as they are ready. Default true. */
  readonly ordered?: boolean | undefined;
  /** Ends the iteration: it rejects with the signal's reason, and calls under way are cancelled. */
  readonly signal?: AbortSignal | undefined;
}

type Outcome<R> = { readonly value: R } | { readonly error: unknown };

/**
 * Calls `call` for every item, reading the items no faster than results are taken.
 *
 * Ending the iteration early, or a failing call, cancels the calls under way through the signal that
 * `call` is given.
 */
export async function* mapCalls<T, R>(
  call: (item: T, signal: AbortSignal) => Promise<R>,
  items: Iterable<T> | AsyncIterable<T>,
  options: { readonly concurrency: number; readonly ordered: boolean; readonly signal: AbortSignal | undefined },
): AsyncGenerator<R, void, void> {
  const { concurrency, ordered, signal } = options;
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const source: Iterator<T> | AsyncIterator<T> =
    Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const underWay = new Set<Promise<Outcome<R>>>();
  /** Outcomes in the order in which they are handed out: of the items, or of completion. */
  const ready: Array<Promise<Outcome<R>>> = [];
  let wake: (() => void) | undefined;
  let exhausted = false;
  try {
    for (;;) {
      while (!exhausted && underWay.size + (ordered ? 0 : ready.length) < concurrency && ready.length < concurrency) {
        controller.signal.throwIfAborted();
        const next = await source.next();
        if (next.done === true) {
          exhausted = true;
          break;
        }
        const outcome: Promise<Outcome<R>> = call(next.value, controller.signal).then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        );
        underWay.add(outcome);
        if (ordered) ready.push(outcome);
        void outcome.then(() => {
          underWay.delete(outcome);
          if (!ordered) ready.push(outcome);
          wake?.();
        });
      }
      const first = ready.shift();
      if (first === undefined) {
        if (exhausted && underWay.size === 0) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (ready.length > 0) resolve();
        });
        continue;
      }
      const outcome = await first;
      if ("error" in outcome) throw outcome.error;
      yield outcome.value;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    controller.abort(new DOMException("The iteration over the results has ended", "AbortError"));
    if (!exhausted) await source.return?.();
  }
}

/** Checks the options of a map and fills in defaults. */
export function resolveMapOptions(
  options: MapOptions,
  workers: number,
): { readonly concurrency: number; readonly ordered: boolean; readonly signal: AbortSignal | undefined } {
  const { concurrency = 16 * Math.max(1, workers), ordered = true, signal } = options;
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new InvalidOptionError("concurrency", { value: concurrency, expected: "an integer from 1" });
  }
  if (typeof ordered !== "boolean") throw new InvalidOptionError("ordered", { value: ordered, expected: "a boolean" });
  return { concurrency, ordered, signal };
}
