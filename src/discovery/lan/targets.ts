/**
 * Addresses of the host names found in service announcements, each with its expiry time. Only names that a worker is
 * bound to are kept, and few addresses of each.
 */
import { isIP } from "node:net";
import { isLinkLocal } from "./multicast/interface.ts";

/** Who sent a packet, and over which interface it came. */
export interface RecordSource {
  readonly address: string;
  readonly interfaceName: string;
}

/** Which sender announced an address, and how long it is valid. */
export interface AddressClaim {
  readonly source: RecordSource;
  /** Milliseconds; 0 retracts the address. */
  readonly lifetimeMs: number;
}

/** The largest number of addresses of one name that one sender may report, so that it leaves room for those of others. */
const MAX_ADDRESSES_PER_SOURCE = 8;
/** The largest number of addresses of one name. */
const MAX_ADDRESSES = 64;

interface Target {
  readonly uids: Set<string>;
  /** By address, with its zone if it needs one. */
  readonly addresses: Map<string, { readonly source: string; readonly untilMs: number }>;
}

/** Names of hosts and their addresses. */
export class LanTargets {
  readonly #now: () => number;
  readonly #targets = new Map<string, Target>();
  readonly #nameOf = new Map<string, string>();

  /** @param now Milliseconds on a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Makes a worker interested in a name, and no longer in the one before. */
  bind(uid: string, name: string): void {
    const key = name.toLowerCase();
    if (this.#nameOf.get(uid) === key) return;
    this.unbind(uid);
    this.#nameOf.set(uid, key);
    const target = this.#targets.get(key) ?? { uids: new Set(), addresses: new Map() };
    target.uids.add(uid);
    this.#targets.set(key, target);
  }

  unbind(uid: string): void {
    const key = this.#nameOf.get(uid);
    if (key === undefined) return;
    this.#nameOf.delete(uid);
    const target = this.#targets.get(key);
    target?.uids.delete(uid);
    if (target?.uids.size === 0) this.#targets.delete(key);
  }

  /** Lists the workers bound to a name. */
  uidsOf(name: string): readonly string[] {
    return [...(this.#targets.get(name.toLowerCase())?.uids ?? [])];
  }

  /**
   * Notes an address of a name to which somebody is bound.
   *
   * @returns Whether the name has other addresses than before.
   */
  set(name: string, address: string, { source, lifetimeMs }: AddressClaim): boolean {
    const target = this.#targets.get(name.toLowerCase());
    if (target === undefined || isIP(address) === 0) return false;
    // A link-local address is valid only on the interface it came in on.
    const zoned = isLinkLocal(address) ? `${address}%${source.interfaceName}` : address;
    const { addresses } = target;
    if (lifetimeMs === 0) {
      return addresses.get(zoned)?.source === source.address && addresses.delete(zoned);
    }
    const known = addresses.get(zoned);
    if (known === undefined && !hasRoom(addresses, source.address)) return false;
    // Several senders may report the same address. Keep the first as its source, or the source would flip constantly.
    const teller = known?.source ?? source.address;
    addresses.set(zoned, { source: teller, untilMs: this.#now() + lifetimeMs });
    return known === undefined;
  }

  /** Lists the addresses of a name that one of the sources has announced. */
  addressesOf(name: string, sources: ReadonlySet<string>): string[] {
    const found: string[] = [];
    for (const [address, { source }] of this.#targets.get(name.toLowerCase())?.addresses ?? []) {
      if (sources.has(source)) found.push(address);
    }
    return found;
  }

  /** Drops addresses that have lapsed. Returns the uids of the workers that had them. */
  expire(): Set<string> {
    const now = this.#now();
    const concerned = new Set<string>();
    for (const { uids, addresses } of this.#targets.values()) {
      for (const [address, { untilMs }] of addresses) {
        if (now < untilMs) continue;
        addresses.delete(address);
        for (const uid of uids) concerned.add(uid);
      }
    }
    return concerned;
  }
}

function hasRoom(addresses: Target["addresses"], source: string): boolean {
  if (addresses.size >= MAX_ADDRESSES) return false;
  let told = 0;
  for (const address of addresses.values()) if (address.source === source) told += 1;
  return told < MAX_ADDRESSES_PER_SOURCE;
}
