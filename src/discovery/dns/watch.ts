/**
 * Follows the addresses behind a DNS name, lets each describe itself, and reports the workers found there.
 *
 * DNS says where to look, a description says who is there; when to ask which of the two is decided here. Nothing that
 * DNS or an address says ends the watch.
 */

import { setMaxListeners } from "node:events";
import { createDeferred } from "../../internal/deferred.ts";
import { asError, errorText } from "../../internal/error-text.ts";
import { hasCode } from "../../internal/has-code.ts";
import { backoffDelayMs } from "../../internal/time/backoff.ts";
import type { Clock } from "../../internal/time/clock.ts";
import { parseWorkerMetadata } from "../../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { DiscoveryEvent } from "../discovery.ts";
import type { ResolvedDnsDiscovery } from "./dns-discovery-options.ts";
import { type DnsFindings, type DnsResolver, lookUpWorkers } from "./lookup.ts";
import { type DnsHome, DnsResidents } from "./residents.ts";
import { DnsWarnings } from "./warnings.ts";

/** Most addresses followed; those known stay, further ones wait for a place. */
const MAX_ADDRESSES = 4_096;
/** Addresses asked at a time. */
const CONCURRENT_DESCRIPTIONS = 16;
/** What a known worker costs: beyond this rate, large fleets are described less often instead. */
const MIN_DESCRIPTION_SPACING_MS = 5;
/** A known worker that does not answer is asked once more after this time, then counts as gone. */
const SECOND_CHANCE_MS = 250;
const FAILURES_UNTIL_GONE = 2;
/** An address that nobody serves yet, or any more, is named in a warning after so many attempts. */
const FAILURES_UNTIL_WARNING = 3;
/** Waits between attempts at an address where no worker is known. */
const RETRY = { baseMs: 1_000, factor: 1.6, maxMs: 30_000, jitter: 0.2 };

/** What a watch uses of the world; replaced in tests. */
export interface DnsWatchPorts {
  /** Makes the resolver for one lookup. */
  readonly createResolver: () => DnsResolver | Promise<DnsResolver>;
  /**
   * Asks the worker at `host:port` for its record, as plain data. Settles within the time given, and keeps no
   * process alive.
   */
  readonly describe: (
    address: string,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly background: true },
  ) => Promise<unknown>;
  readonly clock: Clock;
}

/** An address as far as it is known. */
interface Place {
  /** With who was there when it last answered. */
  readonly home: DnsHome;
  /** Failed descriptions in a row. */
  failures: number;
  /** When to ask next; infinite while it is being asked. */
  dueAtMs: number;
}

/** One run of a watch. */
export class DnsWatch {
  readonly #sought: ResolvedDnsDiscovery;
  readonly #ports: DnsWatchPorts;
  /** By address; the one asked longest ago first. */
  readonly #places = new Map<string, Place>();
  readonly #residents: DnsResidents;
  readonly #warnings: DnsWarnings;
  readonly #underWay = new Set<Promise<void>>();
  #describing = 0;
  #lookingUp = false;
  #cancelLookup: (() => void) | undefined;
  #nextLookupAtMs = 0;
  #wake: Disposable | undefined;

  constructor(sought: ResolvedDnsDiscovery, ports: DnsWatchPorts, report: (event: DiscoveryEvent) => void) {
    this.#sought = sought;
    this.#ports = ports;
    this.#residents = new DnsResidents(report);
    this.#warnings = new DnsWarnings(sought.name);
  }

  /** Reports workers and their changes until the signal fires, then ends what is under way. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const over = createDeferred();
    const onAbort = (): void => over.resolve();
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    // Every description under way may listen; from eleven on Node would warn.
    setMaxListeners(2 * CONCURRENT_DESCRIPTIONS, signal);
    this.#nextLookupAtMs = this.#ports.clock.now();
    this.#turn(signal);
    await over.promise;
    signal.removeEventListener("abort", onAbort);
    this.#wake?.[Symbol.dispose]();
    this.#cancelLookup?.();
    await Promise.all(this.#underWay);
  }

  /** Starts whatever is due, and sees to it that the next turn comes. */
  #turn(signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#wake?.[Symbol.dispose]();
    const nowMs = this.#ports.clock.now();
    let nextMs = Number.POSITIVE_INFINITY;
    if (!this.#lookingUp) {
      if (this.#nextLookupAtMs <= nowMs) this.#start(() => this.#lookUp(signal), signal);
      else nextMs = this.#nextLookupAtMs;
    }
    // Known workers first: any number of addresses at which nobody answers must not hide that one has died.
    for (const known of [true, false]) {
      for (const place of this.#places.values()) {
        // As many are being asked as may be; the next turn comes when one of them has answered.
        if (this.#describing >= CONCURRENT_DESCRIPTIONS) break;
        if ((place.home.worker !== undefined) !== known) continue;
        if (place.dueAtMs <= nowMs) this.#start(() => this.#describe(place, signal), signal);
        else nextMs = Math.min(nextMs, place.dueAtMs);
      }
    }
    this.#wake =
      nextMs === Number.POSITIVE_INFINITY
        ? undefined
        : this.#ports.clock.setTimeout(() => this.#turn(signal), nextMs - nowMs);
  }

  /** Keeps count of an operation that never rejects; its end brings the next turn. */
  #start(operation: () => Promise<void>, signal: AbortSignal): void {
    const ended = operation().then(() => {
      this.#underWay.delete(ended);
      this.#turn(signal);
    });
    this.#underWay.add(ended);
  }

  async #lookUp(signal: AbortSignal): Promise<void> {
    this.#lookingUp = true;
    const beganMs = this.#ports.clock.now();
    const findings = await this.#findings(signal);
    this.#lookingUp = false;
    this.#nextLookupAtMs = beganMs + this.#sought.pollIntervalMs;
    if (signal.aborted) return;
    this.#warnings.lookedUp(findings);
    this.#follow(findings, this.#ports.clock.now());
  }

  async #findings(signal: AbortSignal): Promise<DnsFindings> {
    try {
      const resolver = await this.#ports.createResolver();
      signal.throwIfAborted();
      this.#cancelLookup = () => resolver.cancel();
      return await lookUpWorkers(this.#sought, resolver);
    } catch (error) {
      return { addresses: [], failure: asError(error), mayRemain: () => true };
    } finally {
      this.#cancelLookup = undefined;
    }
  }

  /** Brings the places in line with what DNS says. */
  #follow({ addresses, mayRemain }: DnsFindings, nowMs: number): void {
    const named = new Set(addresses);
    for (const [address, { home }] of this.#places) {
      if (named.has(address) || mayRemain(address)) continue;
      this.#places.delete(address);
      this.#warnings.settled(address);
      this.#residents.settle(home, undefined);
    }
    for (const address of named) {
      if (this.#places.has(address)) continue;
      if (this.#places.size >= MAX_ADDRESSES) {
        this.#warnings.tooMany(MAX_ADDRESSES);
        return;
      }
      this.#places.set(address, { home: { address, worker: undefined }, failures: 0, dueAtMs: nowMs });
    }
    this.#warnings.fewEnough();
  }

  async #describe(place: Place, signal: AbortSignal): Promise<void> {
    this.#describing += 1;
    place.dueAtMs = Number.POSITIVE_INFINITY;
    const { clock, describe } = this.#ports;
    const { home } = place;
    const { address } = home;
    let worker: WorkerMetadata | undefined;
    let trouble: unknown;
    try {
      const timeoutMs = this.#sought.describeTimeoutMs;
      worker = parseDescription(await describe(address, { timeoutMs, signal, background: true }), address);
    } catch (error) {
      trouble = error;
    }
    this.#describing -= 1;
    // It may have left DNS meanwhile.
    if (signal.aborted || this.#places.get(address) !== place) return;
    // To the end of the order: with more due than can be asked at a time, everybody gets a turn.
    this.#places.delete(address);
    this.#places.set(address, place);
    if (worker !== undefined) {
      place.failures = 0;
      place.dueAtMs = clock.now() + this.#descriptionIntervalMs();
      this.#warnings.settled(address);
      this.#residents.settle(home, worker);
      return;
    }
    place.failures += 1;
    place.dueAtMs = clock.now() + this.#retryDelayMs(place);
    if (place.failures >= FAILURES_UNTIL_GONE) this.#residents.settle(home, undefined);
    if (trouble === undefined || hasCode(trouble, "ERR_MERINO_PROTOCOL")) {
      this.#warnings.unserved(
        address,
        "what it says of itself is no worker's record",
        "MERINO_BAD_ADVERTISEMENT",
      );
    } else if (place.failures >= FAILURES_UNTIL_WARNING) {
      this.#warnings.unserved(address, errorText(trouble));
    }
  }

  #descriptionIntervalMs(): number {
    return Math.max(this.#sought.pollIntervalMs, this.#places.size * MIN_DESCRIPTION_SPACING_MS);
  }

  #retryDelayMs({ home: { worker }, failures }: Place): number {
    const { pollIntervalMs } = this.#sought;
    if (worker !== undefined && failures < FAILURES_UNTIL_GONE) {
      return Math.min(SECOND_CHANCE_MS, pollIntervalMs / 4);
    }
    const baseMs = Math.min(RETRY.baseMs, pollIntervalMs);
    return backoffDelayMs(failures, { ...RETRY, baseMs, maxMs: Math.max(RETRY.maxMs, pollIntervalMs) });
  }
}

/** Who is at `address`, judging by its own description; undefined: nobody that could be called. */
function parseDescription(description: unknown, address: string): WorkerMetadata | undefined {
  if (typeof description !== "object" || description === null) return undefined;
  const worker = parseWorkerMetadata({ ...description, address }, { unix: false });
  if (worker === undefined) return undefined;
  // Reached over the network, it is no neighbour, whatever it says. One that names no codec is not taken for ours.
  const { hostId: _, socket: __, ...rest } = worker;
  return Object.freeze({ ...rest, codecs: worker.codecs ?? Object.freeze([]) });
}
