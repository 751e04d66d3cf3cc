/** The networks that this host is on, as the operating system lists them. Looks, opens nothing. */
import { BlockList, isIPv6 } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";

/** One interface in one family. Each gets a socket. */
export interface LanInterface {
  readonly name: string;
  readonly family: 4 | 6;
  /** The same text for the same interface with the same addresses. */
  readonly key: string;
  readonly internal: boolean;
  /** Its addresses, of both families; link-local ones of IPv6 only if there are no others. */
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  /** Whether an address (with its zone, if it has one) is of this network. */
  isOnLink(address: string): boolean;
}

type Listing = NodeJS.Dict<NetworkInterfaceInfo[]>;

/** The largest number of addresses of one interface that are announced. */
const MAX_ADDRESSES = 4;

/**
 * Chooses where to announce and to look.
 *
 * @param listing The result of `os.networkInterfaces()`.
 * @param wanted Names and addresses; undefined for all but loopback, or loopback if there is nothing else.
 */
export function selectInterfaces(listing: Listing, wanted?: readonly string[]): readonly LanInterface[] {
  const all = Object.entries(listing).map(([name, addresses = []]) => ({ name, addresses }));
  const outside = all.filter(({ addresses }) => addresses.some(({ internal }) => !internal));
  const chosen =
    wanted === undefined
      ? outside.length > 0
        ? outside
        : all
      : all.filter(
          ({ name, addresses }) =>
            wanted.includes(name) || addresses.some(({ address }) => wanted.includes(address)),
        );
  return chosen.flatMap(({ name, addresses }) => describe(name, addresses));
}

/** Tells which families this host can listen on beyond loopback; with none, IPv4. */
export function hasIPv4(listing: Listing): boolean {
  const outside = Object.values(listing)
    .flatMap((addresses = []) => addresses)
    .filter(({ internal }) => !internal);
  return outside.length === 0 || outside.some(({ family }) => family === "IPv4");
}

function describe(name: string, addresses: readonly NetworkInterfaceInfo[]): LanInterface[] {
  const internal = addresses.some((address) => address.internal);
  const ipv4 = addresses.filter(({ family }) => family === "IPv4").map(({ address }) => address);
  const everyIPv6 = addresses.filter(({ family }) => family === "IPv6").map(({ address }) => address);
  const global = everyIPv6.filter((address) => !isLinkLocal(address));
  const ipv6 = global.length > 0 ? global : everyIPv6;
  const subnets = subnetsOf(addresses);
  const isOnLink = (address: string): boolean => {
    const [bare = "", zone] = address.split("%");
    if (zone !== undefined) return zone === name;
    // A mask for a single address does not say which other hosts are on the link.
    return subnets.hostOnly || subnets.list.check(bare, isIPv6(bare) ? "ipv6" : "ipv4");
  };
  const common = {
    name,
    internal,
    ipv4: ipv4.slice(0, MAX_ADDRESSES),
    ipv6: ipv6.slice(0, MAX_ADDRESSES),
    isOnLink,
  };
  const found: LanInterface[] = [];
  const key = [...common.ipv4, ...common.ipv6].join(" ");
  if (ipv4.length > 0) found.push({ ...common, family: 4, key: `4 ${name} ${key}` });
  // Loopback carries no IPv6 multicast on most systems.
  if (everyIPv6.length > 0 && !internal) found.push({ ...common, family: 6, key: `6 ${name} ${key}` });
  return found;
}

function subnetsOf(addresses: readonly NetworkInterfaceInfo[]): {
  readonly list: BlockList;
  readonly hostOnly: boolean;
} {
  const list = new BlockList();
  let hostOnly = false;
  for (const { address, cidr, family } of addresses) {
    const prefix = Number(cidr?.split("/")[1]);
    if (!Number.isInteger(prefix)) continue;
    if (family === "IPv4" && prefix === 32) hostOnly = true;
    list.addSubnet(address, prefix, family === "IPv4" ? "ipv4" : "ipv6");
  }
  return { list, hostOnly };
}

/** Tells whether an IPv6 address means something on one network only: `fe80::/10`. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address);
}
