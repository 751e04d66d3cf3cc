/**
 * Asks the workers at known addresses who they are, again and again, and reports whom it finds: each under the
 * address at which it was found, so that calls go to the address that was asked.
 *
 * Its owner says which addresses there are. No answer of an address ends the watch.
 */
import { setMaxListeners } from "node:events";
import { createDeferred } from "../../internal/deferred.ts";
import { type BackoffPolicy, backoffDelayMs } from "../../internal/time/backoff.ts";
import type { Clock } from "../../internal/time/clock.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { DiscoveryEvent } from "../discovery.ts";
import { type AddressHome, AddressResidents } from "./residents.ts";

/** Addresses asked at a time. */
const CONCURRENT_DESCRIPTIONS = 16;
/** The least time per address: if there are too many for this rate, each is asked less often. */
const MIN_DESCRIPTION_SPACING_MS = 5;
/** A known worker that does not answer is asked once more after this time, then counts as gone. */
const SECOND_CHANCE_MS = 250;
const FAILURES_UNTIL_GONE = 2;
/** An address is not asked sooner than this after it was asked last, whoever wants to know. */
const MIN_RECHECK_MS = 100;

/**
 * How an address is asked: the time that the answer may take, and the signal that ends the question. It keeps no
 * process alive.
 */
export interface DescribeOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly background: true;
}

/** Settings, callbacks and means of a watch. */
export interface AddressWatchOptions {
  /**
   * Asks the worker at an address for its record. Settles within the time given.
   *
   * @returns Undefined if the answer is no worker's record.
   */
  readonly describe: (address: string, options: DescribeOptions) => Promise<WorkerMetadata | undefined>;
  readonly clock: Clock;
  /** Time between two questions to a known worker. */
  readonly intervalMs: number;
  /** Time limit for one answer. */
  readonly describeTimeoutMs: number;
  /** Waits between questions to an address at which nobody is known. */
  readonly retry: BackoffPolicy;
  readonly report: (event: DiscoveryEvent) => void;
  /** There is a worker at an address, or nothing is expected there any more. */
  readonly settled: (address: string) => void;
  /**
   * An address has not named a worker.
   *
   * @param failures How many times in a row.
   * @param error Undefined: something answered, but not with a worker's record.
   */
  readonly unserved: (address: string, failures: number, error: unknown) => void;
}

/** An address as far as it is known. */
interface Place {
  /** The address and the worker that was there when it last answered. */
  readonly home: AddressHome;
  /** Failed descriptions in a row. */
  failures: number;
  /** When it was asked last; long ago, if never. */
  askedAtMs: number;
  /** When to ask next; infinite while it is being asked. */
  dueAtMs: number;
}

/** One run of a watch. */
export class AddressWatch {
  readonly #options: AddressWatchOptions;
  readonly #residents: AddressResidents;
  /** By address; the one asked longest ago first. */
  readonly #places = new Map<string, Place>();
  readonly #underWay = new Set<Promise<void>>();
  #describing = 0;
  /** Set while it runs. */
  #signal: AbortSignal | undefined;
  #wake: Disposable | undefined;

  constructor(options: AddressWatchOptions) {
    this.#options = options;
    this.#residents = new AddressResidents(options.report);
  }

  /** Addresses that are followed. */
  get size(): number {
    return this.#places.size;
  }

  /** Whether a worker is known at any of them. */
  get inhabited(): boolean {
    for (const { home } of this.#places.values()) if (home.worker !== undefined) return true;
    return false;
  }

  /** Takes a worker whose record is given: it is not asked, and stays. */
  settle(worker: WorkerMetadata): void {
    this.#residents.settle({ address: worker.address, worker: undefined }, worker);
  }

  /** Follows addresses from now on; those that are followed already are left as they are. */
  follow(addresses: Iterable<string>): void {
    const nowMs = this.#options.clock.now();
    for (const address of addresses) {
      if (this.#places.has(address)) continue;
      const home = { address, worker: undefined };
      const never = Number.NEGATIVE_INFINITY;
      this.#places.set(address, { home, failures: 0, askedAtMs: never, dueAtMs: nowMs });
    }
    this.#turn();
  }

  /** Whether an address is followed. */
  follows(address: string): boolean {
    return this.#places.has(address);
  }

  /** Stops following the addresses that are not `wanted`; the workers at those are dropped. */
  retain(wanted: (address: string) => boolean): void {
    for (const [address, { home }] of this.#places) {
      if (wanted(address)) continue;
      this.#places.delete(address);
      this.#options.settled(address);
      this.#residents.settle(home, undefined);
    }
  }

  /** Asks an address again, at once or as soon as may be, if it still stands for a worker that cannot be reached. */
  recheck({ uid, address }: WorkerMetadata): void {
    const place = this.#places.get(address);
    if (place !== undefined && place.home.worker?.uid === uid) this.#hurry([place]);
  }

  /** Asks every address at which nobody is known, at once or as soon as may be. */
  recheckEmpty(): void {
    this.#hurry([...this.#places.values()].filter(({ home }) => home.worker === undefined));
  }

  /** Asks until the signal fires, then ends what is under way. Never rejects. To be called once. */
  async run(signal: AbortSignal): Promise<void> {
    const over = createDeferred();
    const onAbort = (): void => over.resolve();
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    // Every description under way may listen; from eleven on Node would warn.
    setMaxListeners(2 * CONCURRENT_DESCRIPTIONS, signal);
    this.#signal = signal;
    this.#turn();
    await over.promise;
    signal.removeEventListener("abort", onAbort);
    this.#wake?.[Symbol.dispose]();
    await Promise.all(this.#underWay);
  }

  /** Asks the addresses that are due, and schedules the next turn. */
  #turn(): void {
    const signal = this.#signal;
    if (signal === undefined || signal.aborted) return;
    this.#wake?.[Symbol.dispose]();
    const { clock } = this.#options;
    const nowMs = clock.now();
    let nextMs = Number.POSITIVE_INFINITY;
    // Known workers first: any number of addresses at which nobody answers must not hide that one has died.
    for (const known of [true, false]) {
      for (const place of this.#places.values()) {
        // As many are being asked as may be; the next turn comes when one of them has answered.
        if (this.#describing >= CONCURRENT_DESCRIPTIONS) break;
        if ((place.home.worker !== undefined) !== known) continue;
        if (place.dueAtMs <= nowMs) this.#start(place, signal);
        else nextMs = Math.min(nextMs, place.dueAtMs);
      }
    }
    this.#wake =
      nextMs === Number.POSITIVE_INFINITY ? undefined : clock.setTimeout(() => this.#turn(), nextMs - nowMs);
  }

  /** Keeps count of a question; its end brings the next turn. */
  #start(place: Place, signal: AbortSignal): void {
    const ended = this.#describe(place, signal).then(() => {
      this.#underWay.delete(ended);
      this.#turn();
    });
    this.#underWay.add(ended);
  }

  async #describe(place: Place, signal: AbortSignal): Promise<void> {
    const { clock, describe, describeTimeoutMs: timeoutMs, settled, unserved } = this.#options;
    const { home } = place;
    const { address } = home;
    this.#describing += 1;
    place.askedAtMs = clock.now();
    place.dueAtMs = Number.POSITIVE_INFINITY;
    let worker: WorkerMetadata | undefined;
    let error: unknown;
    try {
      worker = await describe(address, { timeoutMs, signal, background: true });
    } catch (thrown) {
      error = thrown;
    }
    this.#describing -= 1;
    // Nobody may want to know any more.
    if (signal.aborted || this.#places.get(address) !== place) return;
    // To the end of the order: with more due than can be asked at a time, everybody gets a turn.
    this.#places.delete(address);
    this.#places.set(address, place);
    if (worker !== undefined) {
      place.failures = 0;
      place.dueAtMs = clock.now() + this.#spaced(this.#options.intervalMs);
      settled(address);
      this.#residents.settle(home, worker);
      return;
    }
    place.failures += 1;
    place.dueAtMs = clock.now() + this.#retryDelayMs(place);
    if (place.failures >= FAILURES_UNTIL_GONE) this.#residents.settle(home, undefined);
    unserved(address, place.failures, error);
  }

  #hurry(places: readonly Place[]): void {
    const nowMs = this.#options.clock.now();
    for (const place of places) {
      // One that is being asked gives its answer anyway.
      if (place.dueAtMs === Number.POSITIVE_INFINITY) continue;
      place.dueAtMs = Math.min(place.dueAtMs, Math.max(nowMs, place.askedAtMs + MIN_RECHECK_MS));
    }
    this.#turn();
  }

  #retryDelayMs({ home: { worker }, failures }: Place): number {
    const { intervalMs, retry } = this.#options;
    if (worker !== undefined && failures < FAILURES_UNTIL_GONE) {
      return Math.min(SECOND_CHANCE_MS, intervalMs / 4);
    }
    return this.#spaced(backoffDelayMs(failures, retry));
  }

  #spaced(delayMs: number): number {
    return Math.max(delayMs, this.#places.size * MIN_DESCRIPTION_SPACING_MS);
  }
}
