/**
 * Follows the addresses behind a DNS name, lets each describe itself, and reports the workers found there.
 *
 * DNS says where to look; `addresses/watch.ts` finds out who is there. No answer of DNS ends the watch.
 */
import { asError } from "../../internal/error-text.ts";
import type { Clock } from "../../internal/time/clock.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import { parseDescription } from "../addresses/description.ts";
import { AddressWarnings } from "../addresses/warnings.ts";
import { AddressWatch, type DescribeOptions } from "../addresses/watch.ts";
import type { DiscoveryEvent } from "../discovery.ts";
import type { ResolvedDnsDiscovery } from "./dns-discovery-options.ts";
import { type DnsFindings, type DnsResolver, lookUpWorkers } from "./lookup.ts";
import { DnsWarnings } from "./warnings.ts";

/** The largest number of addresses followed; those known stay, further ones wait for a place. */
const MAX_ADDRESSES = 4_096;
/** Waits between attempts at an address at which no worker is known. */
const RETRY = { baseMs: 1_000, factor: 1.6, maxMs: 30_000, jitter: 0.2 };

/** The system's functions that a watch uses; replaced in tests. */
export interface DnsWatchPorts {
  /** Makes the resolver for one lookup. */
  readonly createResolver: () => DnsResolver | Promise<DnsResolver>;
  /**
   * Asks the worker at `host:port` for its record, as plain data. Settles within the time given, and keeps no
   * process alive.
   */
  readonly describe: (address: string, options: DescribeOptions) => Promise<unknown>;
  readonly clock: Clock;
}

/** One run of a watch. */
export class DnsWatch {
  readonly #sought: ResolvedDnsDiscovery;
  readonly #ports: DnsWatchPorts;
  readonly #addresses: AddressWatch;
  readonly #warnings: DnsWarnings;
  #lookup: Promise<void> | undefined;
  #cancelLookup: (() => void) | undefined;
  #wake: Disposable | undefined;

  constructor(sought: ResolvedDnsDiscovery, ports: DnsWatchPorts, report: (event: DiscoveryEvent) => void) {
    this.#sought = sought;
    this.#ports = ports;
    this.#warnings = new DnsWarnings(sought.name);
    const warnings = new AddressWarnings(sought.name);
    const { pollIntervalMs: intervalMs, describeTimeoutMs } = sought;
    const [baseMs, maxMs] = [Math.min(RETRY.baseMs, intervalMs), Math.max(RETRY.maxMs, intervalMs)];
    this.#addresses = new AddressWatch({
      describe: async (address, options) => parseDescription(await ports.describe(address, options), address),
      clock: ports.clock,
      intervalMs,
      describeTimeoutMs,
      retry: { ...RETRY, baseMs, maxMs },
      report,
      settled: (address) => warnings.settled(address),
      unserved: (...failure) => warnings.unserved(...failure),
    });
  }

  /** Reports workers and their changes until the signal fires, then ends what is under way. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    this.#startLookup(signal);
    await this.#addresses.run(signal);
    this.#wake?.[Symbol.dispose]();
    this.#cancelLookup?.();
    await this.#lookup;
  }

  /** Asks anew at the address of a worker that cannot be reached. */
  recheck(worker: WorkerMetadata): void {
    this.#addresses.recheck(worker);
  }

  #startLookup(signal: AbortSignal): void {
    this.#lookup = this.#lookUp(signal);
  }

  /** Asks DNS, follows the addresses it names, and schedules the next question. */
  async #lookUp(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { clock } = this.#ports;
    const beganMs = clock.now();
    const findings = await this.#findings(signal);
    if (signal.aborted) return;
    this.#warnings.lookedUp(findings);
    this.#follow(findings);
    const delayMs = Math.max(0, beganMs + this.#sought.pollIntervalMs - clock.now());
    this.#wake = clock.setTimeout(() => this.#startLookup(signal), delayMs);
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

  /** Brings the addresses that are followed in line with what DNS says. */
  #follow({ addresses, mayRemain }: DnsFindings): void {
    const named = new Set(addresses);
    this.#addresses.retain((address) => named.has(address) || mayRemain(address));
    const fresh = [...named].filter((address) => !this.#addresses.follows(address));
    const room = MAX_ADDRESSES - this.#addresses.size;
    if (fresh.length > room) this.#warnings.tooMany(MAX_ADDRESSES);
    else this.#warnings.fewEnough();
    this.#addresses.follow(fresh.slice(0, room));
  }
}
