/**
 * Asks DNS for the addresses behind a name, and tells the answers of DNS from questions that got no answer.
 *
 * "There is no such name" and "there are no such records" are answers; a timeout or a failing server is none,
 * and takes nothing away from what was known before.
 */

import { asError } from "../../internal/error-text.ts";
import { hasCode } from "../../internal/has-code.ts";
import type { ResolvedDnsDiscovery } from "./dns-discovery-options.ts";

/** The part of Node's resolver that a lookup uses. */
export interface DnsResolver {
  resolve4(name: string): Promise<string[]>;
  resolve6(name: string): Promise<string[]>;
  resolveSrv(name: string): Promise<readonly { readonly name: string; readonly port: number }[]>;
  /** Makes questions under way reject. */
  cancel(): void;
}

/** The results of a lookup. */
export interface DnsFindings {
  /** `host:port` of every address named, each once: as DNS gave them, IPv4 first. */
  readonly addresses: readonly string[];
  /** Why some questions got no answer; addresses that they would have named may still be there. */
  readonly failure: Error | undefined;
  /** Tells whether an address found earlier may still be there although it is not among `addresses`. */
  readonly mayRemain: (address: string) => boolean;
}

/** The largest number of SRV records followed; each may lead to several addresses. */
const MAX_TARGETS = 4_096;
/**
 * Addresses of each family that one lookup finds at most, more than are ever followed: a few answers of DNS, with many
 * ports and many addresses of one name, would come to millions.
 */
const MAX_FOUND = 8_192;

/** What a host can be called, with or without the last dot. */
const HOST_NAME = /^(?=.{1,254}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?$/i;

/** Names of SRV targets that are looked up at a time. */
const CONCURRENT_LOOKUPS = 16;

/** Time limit for one server; each is asked twice. */
const QUERY_TIMEOUT_MS = 2_000;

/**
 * Makes a resolver for one lookup.
 *
 * For one lookup only: a new resolver reads the system's list of servers anew, and some releases of Node keep answers
 * inside a resolver for as long as their time to live, or an hour.
 *
 * @see https://github.com/nodejs/node/issues/57636
 */
export async function createDnsResolver(servers: readonly string[] | undefined): Promise<DnsResolver> {
  // On first use: every program that opens a pool loads this file.
  const { Resolver } = await import("node:dns/promises");
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  return resolver;
}

/** Answers to one question. */
interface Answers<T> {
  readonly records: readonly T[];
  readonly failure: Error | undefined;
}

/** Looks up A and AAAA records, by way of SRV records if the name is a service's. Never rejects. */
export async function lookUpWorkers(
  sought: ResolvedDnsDiscovery,
  resolver: DnsResolver,
): Promise<DnsFindings> {
  const { name, service, port } = sought;
  if (!service) {
    // The port was checked: a name without '_' has one.
    return lookUpTargets([{ name, port: port ?? 0 }], sought, resolver);
  }
  const { records, failure } = await answersTo(() => resolver.resolveSrv(name));
  // A lone '.' as target says that there is no such service (RFC 2782); nobody listens on port 0. Resolvers refuse to ask
  // for what is no host's name, and a refusal would count as no answer: what has left DNS would be kept for ever.
  const targets = records.filter((record) => HOST_NAME.test(record.name) && record.port > 0);
  const unique = new Map(
    targets.map((target) => [
      `${target.name}:${target.port}`,
      { name: target.name, port: port ?? target.port },
    ]),
  );
  const findings = await lookUpTargets([...unique.values()].slice(0, MAX_TARGETS), sought, resolver);
  return failure === undefined ? findings : { ...findings, failure, mayRemain: () => true };
}

async function lookUpTargets(
  targets: readonly { readonly name: string; readonly port: number }[],
  { families }: ResolvedDnsDiscovery,
  resolver: DnsResolver,
): Promise<DnsFindings> {
  const byName = new Map<string, number[]>();
  for (const { name, port } of targets) {
    const ports = byName.get(name);
    if (ports === undefined) byName.set(name, [port]);
    else ports.push(port);
  }
  const found = { 4: new Set<string>(), 6: new Set<string>() };
  /** There are more than are looked for. */
  let isCut = false;
  const failures = new Map<4 | 6, Error>();
  const names = byName.entries();
  async function lookUpNext(): Promise<void> {
    // One iterator for all: each takes the next name.
    for (const [name, ports] of names) {
      await Promise.all(
        families.map(async (family) => {
          const ask = family === 4 ? () => resolver.resolve4(name) : () => resolver.resolve6(name);
          const { records, failure } = await answersTo(ask);
          if (failure !== undefined) failures.set(family, failure);
          for (const port of ports) {
            for (const ip of records) {
              isCut ||= found[family].size >= MAX_FOUND;
              if (isCut) return;
              found[family].add(family === 4 ? `${ip}:${port}` : `[${ip}]:${port}`);
            }
          }
        }),
      );
    }
  }
  await Promise.all(Array.from({ length: Math.min(CONCURRENT_LOOKUPS, byName.size) }, lookUpNext));
  return {
    addresses: [...found[4], ...found[6]],
    failure: failures.get(4) ?? failures.get(6),
    mayRemain: (address) => isCut || failures.has(address.startsWith("[") ? 6 : 4),
  };
}

async function answersTo<T>(ask: () => Promise<readonly T[]>): Promise<Answers<T>> {
  try {
    return { records: await ask(), failure: undefined };
  } catch (error) {
    if (hasCode(error, "ENOTFOUND") || hasCode(error, "ENODATA")) return { records: [], failure: undefined };
    return { records: [], failure: asError(error) };
  }
}
