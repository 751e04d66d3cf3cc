/**
 * Maps an iterable through calls with bounded concurrency and back-pressure, as an async iterator. Items are read and calls
 * made where `map` was called, as far as context goes, whoever takes the results.
 */
import { AsyncResource } from "node:async_hooks";

import { passToCallers } from "../client/call/caller-frames.ts";
import type { CallTarget } from "../context/dispatcher.ts";
import { runInInnerScope } from "../context/inner-scope.ts";
import { hasContext } from "../context/scope.ts";
import type { Branch } from "../context/variables/branch.ts";
import { currentBranch } from "../context/variables/current-branch.ts";
import { assertBoolean, assertInteger, assertKnownOptions, assertSignal } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { ArrayQueue } from "../internal/array-queue.ts";

/** How to map. `S` is the type of {@link MapOptions.settled}: it decides what the iterator gives. */
export interface MapOptions<S extends boolean = false> {
  /**
   * The largest number of items under way at a time, results not yet taken included: an integer from 1. Default: 16
   * per worker.
   */
  readonly concurrency?: number | undefined;
  /** Whether results come in the order of the items, or as they are ready. Default true. */
  readonly ordered?: boolean | undefined;
  /**
   * Whether the iteration goes on after a call that fails, and gives for each item what became of its call, in the form
   * of `Promise.allSettled`: `{ status: "fulfilled", value }` or `{ status: "rejected", reason }`. The signal, a
   * failure of the source, and a pool that takes no calls (not opened, closing or closed) end it all the same; the last
   * with a `PoolClosedError`, after the results of the calls under way, and not if no item is left. Default false: the
   * first failure ends it.
   */
  readonly settled?: S | undefined;
  /** Ends the iteration: it rejects with the signal's reason, and calls under way are cancelled. */
  readonly signal?: AbortSignal | undefined;
}

/** What a map gives for an item: the result of its call or, with `settled: true`, what became of it. */
export type MapResult<R, S extends boolean> = S extends true ? PromiseSettledResult<R> : R;

/** The pool that calls go to, as a map sees it. */
interface MappingPool extends CallTarget {
  run<T>(fn: () => T): T;
}

/**
 * Maps items through the calls of a pool; see `WorkerPool.map`.
 *
 * @param settings As the user has given them; how many workers there are; why the pool takes no calls, if it takes none.
 */
export function mapThrough<T, R, S extends boolean>(
  pool: MappingPool,
  fn: (item: T) => R | PromiseLike<R>,
  items: Iterable<T> | AsyncIterable<T>,
  settings: {
    readonly options: MapOptions<S>;
    readonly workers: number;
    readonly refusal: () => Error | undefined;
  },
): AsyncGenerator<MapResult<Awaited<R>, S>, void, void> {
  assertMappable(fn, items);
  const resolved = resolveMapOptions(settings.options, settings.workers);
  const call = callThrough(pool, fn);
  const results = resolved.settled
    ? mapCalls(settling(call), items, { ...resolved, refusal: settings.refusal })
    : mapCalls(call, items, resolved);
  // The type follows the option, which the compiler cannot see.
  return results as AsyncGenerator<MapResult<Awaited<R>, S>, void, void>;
}

/** Calls `fn` through a pool: a routine so that the signal cancels the call, anything else in the scope of the pool. */
function callThrough<T, R>(
  pool: MappingPool,
  fn: (item: T) => R | PromiseLike<R>,
): (item: T, signal: AbortSignal) => Promise<Awaited<R>> {
  const withOptions = (fn as { with?: (options: object) => typeof fn }).with;
  return async (item, signal): Promise<Awaited<R>> => {
    if (typeof withOptions === "function") return await withOptions({ signal, pool })(item);
    return await pool.run(() => fn(item));
  };
}

/** {@link MapOptions}, checked and complete. */
interface ResolvedMapOptions {
  readonly concurrency: number;
  readonly ordered: boolean;
  readonly settled: boolean;
  readonly signal: AbortSignal | undefined;
}

/** A call, from its start until its result is taken. */
interface MappedCall<R> {
  outcome: { readonly value: R } | { readonly error: unknown } | undefined;
}

/** How {@link mapCalls} maps. */
interface MapCallsOptions extends Omit<ResolvedMapOptions, "settled"> {
  /**
   * Asked before each call: an error ends the iteration instead, after the results of the calls under way. Where calls
   * that are refused do not end it, an endless source would never let the event loop go on.
   */
  readonly refusal?: (() => Error | undefined) | undefined;
}

/**
 * Calls `call` for every item, reading the items no faster than results are taken.
 *
 * Ending the iteration early, or a failing call, cancels the calls under way through the signal that
 * `call` is given. A result does not wait for a slow source, and the signal ends the iteration at once. Each call is in
 * a branch of execution of its own, so that calls that set the same context variable do not meet. The stores of the
 * program, its active span among them, are those of this call, also where results are taken in another context.
 */
export function mapCalls<T, R>(
  call: (item: T, signal: AbortSignal) => Promise<R>,
  items: Iterable<T> | AsyncIterable<T>,
  options: MapCallsOptions,
): AsyncGenerator<R, void, void> {
  const forked = hasContext() ? inForks(call, currentBranch()) : call;
  // The body of a generator runs where `next()` is called.
  return mapItems(forked, items, { ...options, surroundings: new AsyncResource("MERINO_MAP") });
}

function inForks<T, R>(
  call: (item: T, signal: AbortSignal) => Promise<R>,
  branch: Branch,
): (item: T, signal: AbortSignal) => Promise<R> {
  return (item, signal) => runInInnerScope({ branch: branch.fork() }, () => call(item, signal));
}

async function* mapItems<T, R>(
  call: (item: T, signal: AbortSignal) => Promise<R>,
  items: Iterable<T> | AsyncIterable<T>,
  options: MapCallsOptions & { readonly surroundings: AsyncResource },
): AsyncGenerator<R, void, void> {
  const { concurrency, ordered, signal, refusal, surroundings } = options;
  const controller = new AbortController();
  let wake: (() => void) | undefined;
  const onAbort = (): void => {
    controller.abort(signal?.reason);
    wake?.();
  };
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const source: Iterator<T> | AsyncIterator<T> =
    typeof items === "object" && Symbol.asyncIterator in items
      ? items[Symbol.asyncIterator]()
      : items[Symbol.iterator]();
  /** In the order in which results are handed out: of the items, or of completion. */
  const line = new ArrayQueue<MappedCall<R>>();
  /** Items read whose results have not been taken. */
  let underWay = 0;
  let reading = false;
  let exhausted = false;
  /** Why no more items are read, although there may be some. */
  let failure: { readonly error: unknown } | undefined;

  const start = (item: T): void => {
    underWay += 1;
    const mapped: MappedCall<R> = { outcome: undefined };
    if (ordered) line.push(mapped);
    const settle = (outcome: NonNullable<MappedCall<R>["outcome"]>): void => {
      mapped.outcome = outcome;
      if (!ordered) line.push(mapped);
      wake?.();
    };
    call(item, controller.signal).then(
      (value) => settle({ value }),
      (error: unknown) => settle({ error }),
    );
  };
  /** Never rejects. One at a time. */
  const read = async (): Promise<void> => {
    reading = true;
    try {
      while (underWay < concurrency && !controller.signal.aborted) {
        const next = await source.next();
        exhausted = next.done === true;
        if (next.done === true || controller.signal.aborted) break;
        const error = refusal?.();
        if (error !== undefined) {
          failure = { error };
          break;
        }
        start(next.value);
      }
    } catch (error) {
      exhausted = true;
      failure = { error };
    }
    reading = false;
    wake?.();
  };

  try {
    for (;;) {
      controller.signal.throwIfAborted();
      if (!reading && !exhausted && failure === undefined && underWay < concurrency)
        void surroundings.runInAsyncScope(read);
      const outcome = line.peek()?.outcome;
      if (outcome !== undefined) {
        line.shift();
        underWay -= 1;
        if ("error" in outcome) return await passToCallers(outcome.error);
        yield outcome.value;
        continue;
      }
      if ((exhausted || failure !== undefined) && underWay === 0) {
        if (failure !== undefined) throw failure.error;
        return;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    controller.abort(new DOMException("The iteration over the results has ended", "AbortError"));
    if (!exhausted) {
      const closing = surroundings.runInAsyncScope(async () => source.return?.());
      // A source that has been asked for an item closes only after it has returned one, which may be never.
      if (reading) closing.catch(() => {});
      else await closing;
    }
  }
}

/**
 * The same call, which never fails: it gives its result or its error in the form of `Promise.allSettled`.
 *
 * @internal for tests as well
 */
export function settling<T, R>(
  call: (item: T, signal: AbortSignal) => Promise<R>,
): (item: T, signal: AbortSignal) => Promise<PromiseSettledResult<R>> {
  return async (item, signal) => {
    try {
      return { status: "fulfilled", value: await call(item, signal) };
    } catch (reason) {
      return { status: "rejected", reason };
    }
  };
}

/**
 * Checks the function and the items of a map.
 *
 * @throws {@link InvalidOptionError} if one is no function, or the other no iterable.
 */
function assertMappable(fn: unknown, items: unknown): void {
  if (typeof fn !== "function") {
    throw new InvalidOptionError("fn", { value: fn, expected: "a routine or another function" });
  }
  const source = (items ?? {}) as Partial<Iterable<unknown> & AsyncIterable<unknown>>;
  if (typeof source[Symbol.asyncIterator] !== "function" && typeof source[Symbol.iterator] !== "function") {
    throw new InvalidOptionError("items", { value: items, expected: "an iterable or async iterable" });
  }
}

/**
 * Checks the options of a map and fills in defaults.
 *
 * @internal for tests as well
 */
export function resolveMapOptions(options: MapOptions<boolean>, workers: number): ResolvedMapOptions {
  assertKnownOptions(options, { concurrency: true, ordered: true, settled: true, signal: true });
  const { concurrency = 16 * Math.max(1, workers), ordered = true, settled = false, signal } = options;
  assertInteger("concurrency", concurrency, { least: 1 });
  assertBoolean("ordered", ordered);
  assertBoolean("settled", settled);
  assertSignal("signal", signal);
  return { concurrency, ordered, settled, signal };
}
