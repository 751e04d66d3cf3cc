/** The address that a worker's record names. It is never one that leads other hosts to a different machine. */
import { isIP } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import {
  type Endpoint,
  formatEndpoint,
  isWildcard,
  type NetworkOptions,
  parseEndpoint,
} from "../../process/network-options.ts";

const LOOPBACK = "127.0.0.1";

/**
 * Decides which host and port a record names in place of those bound.
 *
 * For a wildcard that is this host's first address that others can reach, IPv4 before IPv6, and those that it has made
 * up for itself (169.254.0.0/16), which reach no further than one network, last. On a host that is on no network it is
 * the loopback address. If this host has only addresses that mean nothing to others, there is nothing to name.
 *
 * @param network Already checked.
 * @param listing The result of `os.networkInterfaces()`.
 * @returns Host and port to name. If one is absent, the record names the one bound.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `advertise`) if there is nothing to name.
 */
export function advertisedEndpoint(
  network: NetworkOptions,
  listing: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): Partial<Endpoint> {
  const { host, advertise } = network;
  const told = advertise === undefined ? undefined : parseEndpoint(advertise);
  if (told !== undefined) return told;
  return isWildcard(host) ? { host: ownAddress(network, listing) } : {};
}

/**
 * Makes the address of a record.
 *
 * @param bound Host and port that the worker listens on.
 * @param advertised Host and port to name instead.
 * @returns `host:port` or `[v6]:port`.
 */
export function advertisedAddress(bound: Required<Endpoint>, advertised: Partial<Endpoint>): string {
  return formatEndpoint({ ...bound, ...advertised });
}

/** The wildcard `::` takes IPv4 as well; `0.0.0.0` takes nothing else. */
function ownAddress(network: NetworkOptions, listing: NodeJS.Dict<NetworkInterfaceInfo[]>): string {
  const outside = Object.entries(listing).flatMap(([name, entries = []]) =>
    entries.filter(({ internal }) => !internal).map(({ family, address }) => ({ name, family, address })),
  );
  const v4 = outside.filter(({ family }) => family === "IPv4");
  const routed = v4.find(({ address }) => !address.startsWith("169.254."));
  if (routed !== undefined) return routed.address;
  if (outside.length === 0) return LOOPBACK; // nobody else is there to be misled
  const v6 = outside.filter(({ family }) => family === "IPv6");
  const takesIPv6 = isIP(network.host) === 6;
  // A link-local address means nothing on another host without the name of an interface there.
  const global = v6.find(({ address }) => !/^fe[89ab][0-9a-f]:/i.test(address));
  if (takesIPv6 && global !== undefined) return global.address;
  const [selfMade] = v4;
  if (selfMade !== undefined) return selfMade.address;
  const [local] = v6;
  const itself = local === undefined ? "" : `${local.address}%${local.name}`;
  throw new InvalidOptionError("advertise", {
    value: network.advertise,
    expected:
      "the host name or address by which callers reach this worker, since " +
      (global === undefined
        ? `the addresses of this host beyond loopback are link-local ('${itself}') and lead other hosts nowhere; or have it listen on '${itself}' itself, which LanDiscovery announces in a way that others can use`
        : `'${network.host}' takes IPv4 only and this host has no IPv4 address beyond loopback; or have it listen on '::'`) +
      `; or on '${LOOPBACK}', for callers on this host only`,
  });
}
