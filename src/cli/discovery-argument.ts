/** The `--discovery` option: one text that names a discovery and its parameters. */
import { InvalidArgumentError, Option } from "commander";
import type { Discovery } from "../discovery/discovery.ts";
import { DnsDiscovery } from "../discovery/dns/dns-discovery.ts";
import type { DnsDiscoveryOptions } from "../discovery/dns/dns-discovery-options.ts";
import { LanDiscovery } from "../discovery/lan/lan-discovery.ts";
import type { LanDiscoveryOptions } from "../discovery/lan/lan-discovery-options.ts";
import { LocalDiscovery } from "../discovery/local/local-discovery.ts";
import { asArgument } from "./arguments.ts";

/** A discovery as it was asked for. */
export interface DiscoveryArgument {
  /** As it was typed, for messages. */
  readonly text: string;
  readonly discovery: Discovery;
  /** How long to listen for answers unless told otherwise, in milliseconds. */
  readonly waitMs: number;
}

/** Local announcements are files, read at once; the others are requested over the network, several times. */
const WAIT_MS: Readonly<Record<string, number>> = { local: 500, lan: 3_000, dns: 3_000 };

/** The text about this option in the help of every command that has it. */
export const DISCOVERY_DETAILS = `
Further options follow a '?', as in a URL. Quote the argument so that the shell leaves it alone:
  dns:jobs.example:7777?server=10.0.0.10&poll=1000   server=<address>, repeatable, with or without a port;
                                                     poll=<ms>, timeout=<ms> for an answer, family=<4 or 6>
  lan:thumbs?interface=eth0                          interface=<name or address>, repeatable; port=<number>,
                                                     advertise=<host>, lifetime=<ms>`;

/**
 * Reads a discovery as the command line has it.
 *
 * @param text `local:<namespace>`, `lan:<namespace>` or `dns:<name>:<port>`, with options behind a `?`. In `dns:`, the
 *   port may be left out for an SRV name, which begins with `_`.
 * @throws InvalidArgumentError naming what was expected.
 */
function parseDiscovery(text: string): DiscoveryArgument {
  const [, kind = "", subject = "", query] = /^([^:]*):([^?]*)(?:\?(.*))?$/s.exec(text) ?? [];
  const waitMs = Object.hasOwn(WAIT_MS, kind) ? WAIT_MS[kind] : undefined;
  if (waitMs === undefined) {
    throw new InvalidArgumentError("Expected local:<namespace>, lan:<namespace> or dns:<name>:<port>.");
  }
  const options = new QueryOptions(kind, query);
  const discovery = asArgument(() => createDiscovery(kind, subject, options));
  return { text, discovery, waitMs };
}

function createDiscovery(kind: string, subject: string, options: QueryOptions): Discovery {
  switch (kind) {
    case "dns": {
      const { name, port } = splitPort(subject);
      return new DnsDiscovery(name, port, dnsOptions(options));
    }
    case "lan":
      return new LanDiscovery(subject, lanOptions(options));
    default:
      options.expect([]);
      return new LocalDiscovery(subject);
  }
}

function dnsOptions(options: QueryOptions): DnsDiscoveryOptions {
  options.expect(["server", "poll", "timeout", "family"]);
  return {
    servers: options.all("server"),
    pollInterval: options.number("poll"),
    describeTimeout: options.number("timeout"),
    // `DnsDiscovery` refuses any number but 4 and 6.
    family: options.number("family") as 4 | 6 | undefined,
  };
}

function lanOptions(options: QueryOptions): LanDiscoveryOptions {
  options.expect(["port", "interface", "advertise", "lifetime"]);
  const given = {
    port: options.number("port"),
    interfaces: options.all("interface"),
    advertise: options.one("advertise"),
    recordLifetime: options.number("lifetime"),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** As {@link parseDiscovery}; it also takes `none`: announced nowhere. */
export function parsePublishedDiscovery(text: string): DiscoveryArgument | "none" {
  return text === "none" ? "none" : parseDiscovery(text);
}

/** The option of the commands that look for workers. */
export function discoveryOption(): Option {
  return new Option(
    "--discovery <where>",
    "where to look: local:<namespace>, lan:<namespace> or dns:<name>:<port>; see below for options",
  ).argParser(parseDiscovery);
}

/** The parameters behind the `?`. */
class QueryOptions {
  readonly #kind: string;
  readonly #values: URLSearchParams;

  constructor(kind: string, query: string | undefined) {
    this.#kind = kind;
    this.#values = new URLSearchParams(query ?? "");
  }

  /** Refuses options whose names are not among these. */
  expect(names: readonly string[]): void {
    for (const name of this.#values.keys()) {
      if (names.includes(name)) continue;
      throw new InvalidArgumentError(
        names.length === 0
          ? `Unknown option '${name}': a ${this.#kind} discovery takes none.`
          : `Unknown option '${name}': a ${this.#kind} discovery takes ${names.join(", ")}.`,
      );
    }
  }

  all(name: string): readonly string[] | undefined {
    return this.#values.has(name) ? this.#values.getAll(name) : undefined;
  }

  one(name: string): string | undefined {
    const values = this.#values.getAll(name);
    if (values.length > 1) throw new InvalidArgumentError(`The option '${name}' may be given only once.`);
    return values[0];
  }

  number(name: string): number | undefined {
    const text = this.one(name);
    if (text === undefined) return undefined;
    if (!/^\d{1,10}$/.test(text))
      throw new InvalidArgumentError(`Expected a number for the option '${name}'.`);
    return Number(text);
  }
}

/** A name and the port behind it. The constructor checks whether a port is required. */
function splitPort(subject: string): { readonly name: string; readonly port: number | undefined } {
  const at = subject.lastIndexOf(":");
  if (at === -1) return { name: subject, port: undefined };
  const port = subject.slice(at + 1);
  if (!/^\d{1,5}$/.test(port)) {
    throw new InvalidArgumentError("Expected a port behind the name, as in dns:jobs.example:7777.");
  }
  return { name: subject.slice(0, at), port: Number(port) };
}
