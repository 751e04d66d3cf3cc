/**
 * Follows the addresses behind a DNS name, lets each describe itself, and reports the workers found there.
 *
 * DNS says where to look, a description says who is there. A worker is reported under the address at which it
 * was found, once, however many addresses lead to it. Nothing that DNS or an address says ends the watch.
 */

import { setMaxListeners } from "node:events";
import { createDeferred } from "../../internal/deferred.ts";
import { asError } from "../../internal/error-text.ts";
import { hasCode } from "../../internal/has-code.ts";
import { backoffDelayMs } from "../../internal/time/backoff.ts";
import type { Clock } from "../../internal/time/clock.ts";
import { type WarningCode, warn } from "../../internal/warn.ts";
import { parseWorkerMetadata } from "../../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { DiscoveryEvent } from "../discovery.ts";
import type { ResolvedDnsDiscovery } from "./dns-discovery-options.ts";
import { type DnsFindings, type DnsResolver, lookUpWorkers } from "./lookup.ts";

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
/** Most addresses named in warnings at a time. */
const MAX_NAMED = 8;
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
  readonly address: string;
  /** Who was there when it last answered; undefined: nobody yet, or gone. */
  worker: WorkerMetadata | undefined;
  /** Failed descriptions in a row. */
  failures: number;
  /** When to ask next; infinite while it is being asked. */
  dueAtMs: number;
}

/** One run of a watch. */
export class DnsWatch {
  readonly #sought: ResolvedDnsDiscovery;
  readonly #ports: DnsWatchPorts;
  readonly #report: (event: DiscoveryEvent) => void;
  /** By address; the one asked longest ago first. */
  readonly #places = new Map<string, Place>();
  /** The places of each uid, in the order in which they were found. */
  readonly #homes = new Map<string, Set<Place>>();
  /** Records last reported, by uid. */
  readonly #reported = new Map<string, WorkerMetadata>();
  readonly #underWay = new Set<Promise<void>>();
  #describing = 0;
  #lookingUp = false;
  #cancelLookup: (() => void) | undefined;
  #nextLookupAtMs = 0;
  #wake: Disposable | undefined;
  #answered = false;
  /** What is wrong at present and has been said. */
  readonly #said = new Set<Place | "dns" | "too many">();

  constructor(sought: ResolvedDnsDiscovery, ports: DnsWatchPorts, report: (event: DiscoveryEvent) => void) {
    this.#sought = sought;
    this.#ports = ports;
    this.#report = report;
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
        // With all hands busy, the next turn comes when one of them is free.
        if (this.#describing >= CONCURRENT_DESCRIPTIONS) break;
        if ((place.worker !== undefined) !== known) continue;
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
    this.#comment(findings);
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
    for (const place of this.#places.values()) {
      if (!named.has(place.address) && !mayRemain(place.address)) this.#leave(place);
    }
    for (const address of named) {
      if (this.#places.has(address)) continue;
      if (this.#places.size >= MAX_ADDRESSES) {
        this.#say("too many", `'${this.#sought.name}' has more than ${MAX_ADDRESSES} addresses`);
        return;
      }
      this.#places.set(address, { address, worker: undefined, failures: 0, dueAtMs: nowMs });
    }
    this.#said.delete("too many");
  }

  #leave(place: Place): void {
    this.#places.delete(place.address);
    this.#said.delete(place);
    this.#settle(place, undefined);
  }

  async #describe(place: Place, signal: AbortSignal): Promise<void> {
    this.#describing += 1;
    place.dueAtMs = Number.POSITIVE_INFINITY;
    const { clock, describe } = this.#ports;
    let worker: WorkerMetadata | undefined;
    let trouble: unknown;
    try {
      const timeoutMs = this.#sought.describeTimeoutMs;
      worker = parseDescription(
        await describe(place.address, { timeoutMs, signal, background: true }),
        place.address,
      );
    } catch (error) {
      trouble = error;
    }
    this.#describing -= 1;
    // It may have left DNS meanwhile.
    if (signal.aborted || this.#places.get(place.address) !== place) return;
    // To the end of the order: with more due than can be asked at a time, everybody gets a turn.
    this.#places.delete(place.address);
    this.#places.set(place.address, place);
    if (worker !== undefined) {
      place.failures = 0;
      place.dueAtMs = clock.now() + this.#descriptionIntervalMs();
      this.#said.delete(place);
      this.#settle(place, worker);
      return;
    }
    place.failures += 1;
    place.dueAtMs = clock.now() + this.#retryDelayMs(place);
    if (place.failures >= FAILURES_UNTIL_GONE) this.#settle(place, undefined);
    if (trouble === undefined || hasCode(trouble, "ERR_MERINO_PROTOCOL")) {
      this.#sayOf(place, "what it says of itself is no worker's record", "MERINO_BAD_ADVERTISEMENT");
    } else if (place.failures >= FAILURES_UNTIL_WARNING) {
      this.#sayOf(place, asError(trouble).message);
    }
  }

  #descriptionIntervalMs(): number {
    return Math.max(this.#sought.pollIntervalMs, this.#places.size * MIN_DESCRIPTION_SPACING_MS);
  }

  #retryDelayMs({ worker, failures }: Place): number {
    const { pollIntervalMs } = this.#sought;
    if (worker !== undefined && failures < FAILURES_UNTIL_GONE) {
      return Math.min(SECOND_CHANCE_MS, pollIntervalMs / 4);
    }
    const baseMs = Math.min(RETRY.baseMs, pollIntervalMs);
    return backoffDelayMs(failures, { ...RETRY, baseMs, maxMs: Math.max(RETRY.maxMs, pollIntervalMs) });
  }

  /** Notes who is at a place now, and reports what that changes. */
  #settle(place: Place, worker: WorkerMetadata | undefined): void {
    const previous = place.worker;
    place.worker = worker;
    if (previous !== undefined && previous.uid !== worker?.uid) {
      this.#homes.get(previous.uid)?.delete(place);
      this.#tell(previous.uid);
    }
    if (worker === undefined) return;
    const homes = this.#homes.get(worker.uid) ?? new Set();
    this.#homes.set(worker.uid, homes.add(place));
    this.#tell(worker.uid);
  }

  #tell(uid: string): void {
    const before = this.#reported.get(uid);
    // The longest-standing one: who else claims a uid cannot take it over from an address that goes on serving.
    const worker = first(this.#homes.get(uid))?.worker;
    if (worker === undefined) {
      this.#homes.delete(uid);
      this.#reported.delete(uid);
      if (before !== undefined) this.#report({ type: "worker-dropped", worker: before });
      return;
    }
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(worker)) return;
    this.#reported.set(uid, worker);
    this.#report({ type: before === undefined ? "worker-added" : "worker-updated", worker });
  }

  /** Says what is odd about an answer of DNS, once for as long as it stays so. */
  #comment({ addresses, failure }: DnsFindings): void {
    const { name } = this.#sought;
    if (failure !== undefined) {
      this.#say(
        "dns",
        `Cannot look up '${name}', keeping the workers known and trying again: ${failure.message}`,
      );
      return;
    }
    this.#said.delete("dns");
    if (addresses.length === 0 && !this.#answered) {
      warn(
        "MERINO_DISCOVERY",
        `DNS knows no addresses of '${name}' yet; the name must be complete: search domains are not applied`,
      );
    }
    this.#answered = true;
  }

  #sayOf(place: Place, why: string, code?: WarningCode): void {
    if (this.#said.size >= MAX_NAMED) return;
    this.#say(place, `No worker at '${place.address}' of '${this.#sought.name}', trying again: ${why}`, code);
  }

  #say(subject: Place | "dns" | "too many", text: string, code: WarningCode = "MERINO_DISCOVERY"): void {
    if (this.#said.has(subject)) return;
    this.#said.add(subject);
    warn(code, text);
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

function first<T>(set: ReadonlySet<T> | undefined): T | undefined {
  return set?.values().next().value;
}
