/**
 * The name of what a discovery looks at, in the words of the command line: `local:thumbs`, `lan:thumbs`,
 * `dns:jobs.example:7777?server=10.0.0.10`. How often it looks, and how long it waits, is no part of it.
 */
import { isIP } from "node:net";
import { canonicalIPv6 } from "../internal/canonical-ipv6.ts";
import type { DiscoveryDescriptor } from "./discovery.ts";

/** Left out, as it is where a program does not name it. */
const DNS_PORT = 53;

/**
 * Names the source of a descriptor. Two descriptors are of one source exactly if their names are equal.
 *
 * @param descriptor May come from anywhere; one of an unknown kind, or of another shape, is named by all of its data.
 */
export function sourceName(descriptor: DiscoveryDescriptor): string {
  const { kind, parameters } = descriptor;
  const { namespace, name, port, servers } = (parameters ?? {}) as Readonly<Record<string, unknown>>;
  const portKnown = port === undefined || typeof port === "number";
  if (kind === "local" && typeof namespace === "string") return `local:${namespace}`;
  if (kind === "lan" && typeof namespace === "string" && portKnown) {
    return `lan:${namespace}${port === undefined ? "" : `?port=${port}`}`;
  }
  if (kind === "dns" && typeof name === "string" && portKnown && isAbsentOrTexts(servers)) {
    const query = [...new Set((servers ?? []).map(plainServer))].sort().map((server) => `server=${server}`);
    return `dns:${name}${port === undefined ? "" : `:${port}`}${query.length === 0 ? "" : `?${query.join("&")}`}`;
  }
  return canonicalText(descriptor);
}

/**
 * Names the source for people.
 *
 * @param descriptor Absent: the discovery has none.
 */
export function describeSource(descriptor: DiscoveryDescriptor | undefined): string {
  if (descriptor === undefined) return "its discovery";
  const { kind, parameters } = descriptor;
  const workers: unknown = parameters?.workers;
  if (kind === "static" && Array.isArray(workers)) return `a list of ${workers.length}`;
  return isNameable(descriptor)
    ? `'${sourceName(descriptor)}'`
    : `a discovery of kind '${kind.slice(0, 64)}'`;
}

/** Whether a source has such a name: a worker can be told of it, and knows it again. */
export function isNameable(descriptor: DiscoveryDescriptor): boolean {
  return /^(?:local|lan|dns):/.test(sourceName(descriptor));
}

/** Data as text such that equal data gives equal text, whatever the order of fields. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    typeof field === "object" && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );
}

function isAbsentOrTexts(value: unknown): value is readonly string[] | undefined {
  return value === undefined || (Array.isArray(value) && value.every((text) => typeof text === "string"));
}

/** A server of DNS in one spelling, without the port that every one has. */
function plainServer(server: string): string {
  const [, v6, v4, digits = DNS_PORT] = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(server) ?? [];
  const host = v6 ?? v4 ?? server;
  const isV6 = isIP(host) === 6;
  const plain = isV6 ? canonicalIPv6(host) : host;
  if (Number(digits) === DNS_PORT) return plain;
  return `${isV6 ? `[${plain}]` : plain}:${Number(digits)}`;
}
