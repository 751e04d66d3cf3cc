/**
 * Reads a discovery that may be user code. Whatever it does, the reader gets well-formed events, an error, or
 * the end, and the signal ends it.
 *
 * It judges form only. `client/membership/membership.ts` decides who becomes a member.
 */

import type { Trust } from "../credentials/trust.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { waitAtMost } from "../internal/time/wait.ts";
import { warn } from "../internal/warn.ts";
import { isWorkerUid, parseWorkerMetadata } from "../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { Discovery, DiscoveryEvent, SubscribeOptions } from "./discovery.ts";

/** How to read a discovery. */
export interface CheckedEventsOptions {
  /** Ends the iteration without an error, also when the discovery ignores it. */
  readonly signal: AbortSignal;
  /** Passed on to the discovery. */
  readonly trust?: Trust | undefined;
  /** Whether records may name Unix sockets; if not, those with a `unix:` address count as malformed. */
  readonly unix: boolean;
}

/** How long a discovery may take to end its subscription before it is left to itself. */
const END_WITHIN_MS = 1_000;
/** The largest number of warnings about malformed events from one subscription. */
const MAX_WARNINGS = 8;
const ABORTED = Symbol("aborted");

/**
 * Subscribes and passes on every well-formed event about a worker, with a frozen copy of its record.
 *
 * Anything else is skipped; a warning (`MERINO_BAD_ADVERTISEMENT`) says so once per worker. A worker that is
 * dropped need only be named: the record last passed on stands in for an incomplete one. If the subscription
 * ends before the signal has fired, a warning (`MERINO_DISCOVERY`) says so, and the iteration ends too.
 *
 * @returns An iteration to be read once, by one reader.
 * @throws Errors of the discovery; {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option
 *   `discovery`) if it does not subscribe to an async iterable. Both out of the iteration.
 * @example
 * for await (const event of checkedEvents(discovery, { signal, unix: true })) membership.observe(event);
 */
export async function* checkedEvents(
  discovery: Discovery,
  options: CheckedEventsOptions,
): AsyncGenerator<DiscoveryEvent, void, undefined> {
  const { signal, trust } = options;
  if (signal.aborted) return;
  const iterator = iterate(discovery, { signal, ...(trust !== undefined && { trust }) });
  const known = new Map<string, WorkerMetadata>();
  const warnOf = createWarnings();
  let ended = false;
  try {
    for (;;) {
      const result = await nextOf(iterator, signal);
      if (result === ABORTED) return;
      if (typeof result !== "object" || result === null) throw notIterable(discovery);
      const { done, value } = result as Partial<IteratorResult<unknown>>;
      if (done === true) {
        ended = true;
        if (!signal.aborted)
          warn(
            "MERINO_DISCOVERY",
            "A discovery has ended its subscription: no further workers will be found",
          );
        return;
      }
      const event = parseEvent(value, known, options);
      if (event === undefined) {
        warnOf(value);
        continue;
      }
      if (event.type === "worker-dropped") known.delete(event.worker.uid);
      else known.set(event.worker.uid, event.worker);
      yield event;
      // The reader may have taken a while.
      if (signal.aborted) return;
    }
  } catch (error) {
    ended = true;
    if (!signal.aborted) throw error;
  } finally {
    if (!ended) await end(iterator);
  }
}

/** As far as an unknown object may be one. */
interface LooseIterator {
  next(): unknown;
  return?: unknown;
}

function iterate(discovery: Discovery, options: SubscribeOptions): LooseIterator {
  const events: unknown = discovery.subscribe(options);
  const make = (events as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator];
  const iterator: unknown = typeof make === "function" ? make.call(events) : undefined;
  if (typeof (iterator as Partial<LooseIterator> | null | undefined)?.next !== "function") {
    throw notIterable(discovery);
  }
  // Its `next` is a function; the result of that is checked each time.
  return iterator as LooseIterator;
}

function notIterable(discovery: Discovery): InvalidOptionError {
  return new InvalidOptionError("discovery", {
    value: discovery,
    expected: "an object whose 'subscribe' returns an async iterable of events, not a promise of one",
  });
}

/** The next result, unchecked; {@link ABORTED} once the signal has fired. */
function nextOf(iterator: LooseIterator, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // It may have fired between the last result and its being read.
    if (signal.aborted) return resolve(ABORTED);
    const onAbort = (): void => resolve(ABORTED);
    signal.addEventListener("abort", onAbort, { once: true });
    // In a function of its own: `next` may throw, too.
    const next = async (): Promise<unknown> => iterator.next();
    void next()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Ends the iterator, so that it closes its resources. If it takes too long, it is not waited for. */
async function end(iterator: LooseIterator): Promise<void> {
  if (typeof iterator.return !== "function") return;
  keepAlive();
  try {
    await waitAtMost(END_WITHIN_MS, Promise.resolve(iterator.return()));
  } catch {
    // It has been told to end; how that failed does not matter any more.
  } finally {
    letExit();
  }
}

function parseEvent(
  value: unknown,
  known: ReadonlyMap<string, WorkerMetadata>,
  { unix }: CheckedEventsOptions,
): DiscoveryEvent | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { type, worker: record } = value as Readonly<Record<string, unknown>>;
  if (type !== "worker-added" && type !== "worker-updated" && type !== "worker-dropped") return undefined;
  const parsed = parseWorkerMetadata(record, { unix });
  if (parsed !== undefined) return { type, worker: parsed };
  const uid = type === "worker-dropped" ? uidOf(record) : undefined;
  const worker = uid === undefined ? undefined : known.get(uid);
  return worker && { type, worker };
}

function uidOf(record: unknown): string | undefined {
  if (typeof record !== "object" || record === null || !("uid" in record)) return undefined;
  return isWorkerUid(record.uid) ? record.uid : undefined;
}

/** Warns of skipped events: once for each worker, and once for events that name none. */
function createWarnings(): (value: unknown) => void {
  const said = new Set<string>();
  return (value) => {
    const uid =
      typeof value === "object" && value !== null && "worker" in value ? uidOf(value.worker) : undefined;
    if (said.size >= MAX_WARNINGS || said.has(uid ?? "")) return;
    said.add(uid ?? "");
    const whom = uid === undefined ? "" : ` of worker '${uid}'`;
    warn(
      "MERINO_BAD_ADVERTISEMENT",
      `Ignoring what a discovery reported${whom}: expected { type, worker } with a type 'worker-added', ` +
        "'worker-updated' or 'worker-dropped' and a complete worker record",
    );
  };
}
