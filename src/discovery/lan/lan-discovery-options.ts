/** The options of a LanDiscovery, and their check. */
import { isIP } from "node:net";
import { assertInteger, assertKnownOptions } from "../../errors/check-options.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { parseAdvertise } from "./advertised-host.ts";
import { DEFAULT_LIFETIME_MS, MAX_LIFETIME_MS, MIN_LIFETIME_MS } from "./record-life.ts";

/** Options of a {@link LanDiscovery}. */
export interface LanDiscoveryOptions {
  /**
   * Address or name, without a port, under which published workers are announced. Default: the host they listen
   * on; for `0.0.0.0` and `::` the address of the interface by which the announcement leaves.
   */
  readonly advertise?: string;
  /**
   * Names or addresses of the interfaces to announce and to look on, for example `["eth0"]`. They may come up
   * later. Default: all but loopback; loopback if there is no other.
   */
  readonly interfaces?: readonly string[];
  /**
   * UDP port of multicast DNS. Default 5353; with another port, only publishers and watches on the same port find
   * one another.
   */
  readonly port?: number;
  /**
   * How long an announcement is valid without being repeated, in milliseconds: whole seconds from 3 000 to 120
   * 000. Default 60 000. It is repeated three times in that time. A worker whose publisher was killed, or does
   * not get to run, disappears after that time.
   */
  readonly recordLifetime?: number;
}

/** The options, complete and checked. */
export interface ResolvedLanDiscoveryOptions {
  readonly advertise: string | undefined;
  readonly interfaces: readonly string[] | undefined;
  readonly port: number;
  readonly lifetimeMs: number;
}

/** IANA's for multicast DNS. */
export const MDNS_PORT = 5_353;

const KNOWN: Readonly<Record<keyof LanDiscoveryOptions, true>> = {
  advertise: true,
  interfaces: true,
  port: true,
  recordLifetime: true,
};

const MAX_INTERFACES = 64;

/**
 * Fills defaults and checks.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, fault: caller) naming the option.
 */
export function resolveLanDiscoveryOptions(options: LanDiscoveryOptions): ResolvedLanDiscoveryOptions {
  assertKnownOptions(options, KNOWN);
  const { advertise, interfaces, port = MDNS_PORT, recordLifetime = DEFAULT_LIFETIME_MS } = options;
  assertInteger("port", port, { least: 1, most: 65_535 });
  const wholeSeconds = Number.isSafeInteger(recordLifetime) && recordLifetime % 1_000 === 0;
  if (!wholeSeconds || recordLifetime < MIN_LIFETIME_MS || recordLifetime > MAX_LIFETIME_MS) {
    throw new InvalidOptionError("recordLifetime", {
      value: recordLifetime,
      expected: `milliseconds that make whole seconds, from ${MIN_LIFETIME_MS} to ${MAX_LIFETIME_MS}`,
    });
  }
  return {
    advertise: advertise === undefined ? undefined : parseAdvertise(advertise),
    interfaces: interfaces === undefined ? undefined : parseInterfaces(interfaces),
    port,
    lifetimeMs: recordLifetime,
  };
}

function parseInterfaces(value: unknown): readonly string[] {
  if (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= MAX_INTERFACES &&
    value.every(isInterface)
  ) {
    return Object.freeze([...value]);
  }
  throw new InvalidOptionError("interfaces", {
    value,
    expected: 'a list of interface names or addresses, for example ["eth0"] or ["192.168.1.5"]',
  });
}

/** Names are short on every system; a text with a space or a slash is no name. */
function isInterface(value: unknown): value is string {
  return typeof value === "string" && (isIP(value) !== 0 || /^[^\s/]{1,64}$/.test(value));
}
