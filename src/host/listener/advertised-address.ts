/** The address by which a worker's record says it is reached. */
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { formatEndpoint, isWildcard, parseAdvertised } from "../../process/network-options.ts";

/**
 * Makes the address of a record.
 *
 * @param bound What the worker listens on.
 * @param advertise The host to name instead, or host and port; already checked.
 * @returns `host:port` or `[v6]:port`. For a wildcard this host's first address that others can reach, IPv4
 *   before IPv6; without any, the loopback address.
 */
export function advertisedAddress(
  bound: { readonly host: string; readonly port: number },
  advertise?: string,
): string {
  const told = advertise === undefined ? undefined : parseAdvertised(advertise);
  const host = told?.host ?? (isWildcard(bound.host) ? ownAddress(bound.host) : bound.host);
  return formatEndpoint({ host, port: told?.port ?? bound.port });
}

/** The wildcard `::` takes IPv4 as well; `0.0.0.0` takes nothing else. */
function ownAddress(wildcard: string): string {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  // A link-local address means nothing on another host without the name of an interface there.
  const reachable = addresses.filter(({ internal, address }) => !internal && !/^fe80:/i.test(address));
  const v4 = reachable.find(({ family }) => family === "IPv4");
  const v6 = isIP(wildcard) === 6 ? reachable.find(({ family }) => family === "IPv6") : undefined;
  return (v4 ?? v6)?.address ?? "127.0.0.1";
}
