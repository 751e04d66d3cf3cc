/** The `--discovery` option: one text that names a discovery and its parameters. */
import { InvalidArgumentError, Option } from "commander";
import type { Discovery } from "../discovery/discovery.ts";
import { discoveryFromDescriptor } from "../discovery/discovery-from-descriptor.ts";
import { asArgument } from "./arguments.ts";

/** A discovery as it was asked for. */
export interface DiscoveryArgument {
  /** As it was typed, for messages. */
  readonly text: string;
  readonly discovery: Discovery;
  /** How long to listen for answers unless told otherwise, in milliseconds. */
  readonly waitMs: number;
}

/** Local announcements are files; the others are asked over a network, in rounds. */
const WAIT_MS: Readonly<Record<string, number>> = { local: 500, lan: 3_000, dns: 3_000 };

/**
 * Reads a discovery as the command line has it.
 *
 * @param text `local:<namespace>`, `lan:<namespace>` or `dns:<name>:<port>`; for SRV names, which begin with
 *   `_`, the port may be left out.
 * @throws InvalidArgumentError naming what was expected.
 */
function parseDiscovery(text: string): DiscoveryArgument {
  const at = text.indexOf(":");
  const kind = at === -1 ? text : text.slice(0, at);
  const rest = at === -1 ? "" : text.slice(at + 1);
  const waitMs = WAIT_MS[kind];
  if (waitMs === undefined || !Object.hasOwn(WAIT_MS, kind)) {
    throw new InvalidArgumentError("Expected local:<namespace>, lan:<namespace> or dns:<name>:<port>.");
  }
  const parameters = kind === "dns" ? dnsParameters(rest) : { namespace: rest };
  return { text, discovery: asArgument(() => discoveryFromDescriptor({ kind, parameters })), waitMs };
}

/** As {@link parseDiscovery}, or `none`. */
export function parsePublishedDiscovery(text: string): DiscoveryArgument | "none" {
  return text === "none" ? "none" : parseDiscovery(text);
}

/** The option of the commands that look for workers. */
export function discoveryOption(): Option {
  return new Option(
    "--discovery <where>",
    "where to look: local:<namespace>, lan:<namespace> or dns:<name>:<port>",
  ).argParser(parseDiscovery);
}

function dnsParameters(text: string): Readonly<Record<string, unknown>> {
  const at = text.lastIndexOf(":");
  if (at === -1) return { name: text };
  const port = text.slice(at + 1);
  return { name: text.slice(0, at), port: /^\d{1,5}$/.test(port) ? Number(port) : port };
}
