/** Which host a worker is announced under: decided once from the address it listens on and what its publisher was told. Pure. */
import { isIP, isIPv4 } from "node:net";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { canonicalIPv6 } from "../../internal/canonical-ipv6.ts";
import { isHostName } from "./service.ts";

/** The host in a worker's announcement. */
export type AdvertisedHost =
  /** It listens on every address: on each network it is announced with the address this host has on that network. */
  | { readonly kind: "interface"; readonly ipv4: boolean; readonly ipv6: boolean }
  | { readonly kind: "address"; readonly address: string }
  /** Whoever connects resolves the name. */
  | { readonly kind: "name"; readonly name: string };

/** Where a worker is announced to listen. */
export interface AdvertisedEndpoint {
  readonly host: AdvertisedHost;
  readonly port: number;
  /** Whether only processes of the worker's host can connect. */
  readonly loopback: boolean;
}

/**
 * Decides what to announce for a worker.
 *
 * @param address The worker's own, `host:port` or `[v6]:port`.
 * @param advertise What to announce in place of its host, already checked.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `event.worker.address`, fault: caller)
 *   for a Unix socket, and for a host that is neither an IP address nor a valid host name.
 */
export function resolveAdvertisedEndpoint(address: string, advertise?: string): AdvertisedEndpoint {
  if (address.startsWith("unix:")) {
    throw new InvalidOptionError("event.worker.address", {
      value: address,
      expected:
        "a network address, 'host:port' or '[v6]:port', since a Unix socket cannot be reached from other hosts; " +
        "give the workers one with 'worker: ProcessWorker.factory({ host: \"0.0.0.0\", insecure: true })'",
    });
  }
  const split = address.lastIndexOf(":");
  const own = address.slice(0, split).replace(/^\[(.*)\]$/, "$1");
  const port = Number(address.slice(split + 1));
  const host = resolveHost(advertise ?? own);
  if (host === undefined) {
    throw new InvalidOptionError("event.worker.address", {
      value: address,
      expected: "'host:port' or '[v6]:port', with an IP address or a valid host name as host",
    });
  }
  return { host, port, loopback: isLoopback(host) };
}

/**
 * Checks the option `advertise`.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `advertise`, fault: caller) unless it is
 *   an address or a name, without a port, that can be connected to.
 */
export function parseAdvertise(value: unknown): string {
  const host = typeof value === "string" ? resolveHost(value) : undefined;
  if (typeof value === "string" && host !== undefined && host.kind !== "interface") return value;
  throw new InvalidOptionError("advertise", {
    value,
    expected: "an IP address or a host name, without a port, at which other hosts reach the workers",
  });
}

function resolveHost(host: string): AdvertisedHost | undefined {
  const family = isIP(host);
  if (family === 0) return isHostName(host) ? { kind: "name", name: host } : undefined;
  // A zone (`%eth0`) names an interface of this host; it means nothing on other hosts.
  const address = family === 6 ? plainAddress(host.replace(/%.*$/, "")) : host;
  // A worker that listens on `::` takes IPv4 as well, unless its host is configured otherwise.
  if (address === "0.0.0.0") return { kind: "interface", ipv4: true, ipv6: false };
  if (address === "::") return { kind: "interface", ipv4: true, ipv6: true };
  return { kind: "address", address };
}

/** One spelling for each address; an IPv4-mapped IPv6 address becomes the plain IPv4 address. */
function plainAddress(address: string): string {
  const canonical = canonicalIPv6(address);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped === null) return canonical;
  const [high, low] = [Number.parseInt(mapped[1] ?? "", 16), Number.parseInt(mapped[2] ?? "", 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

function isLoopback(host: AdvertisedHost): boolean {
  switch (host.kind) {
    case "interface":
      return false;
    case "address":
      return host.address === "::1" || (isIPv4(host.address) && host.address.startsWith("127."));
    case "name":
      return /^(?:.*\.)?localhost$/i.test(host.name);
  }
}
