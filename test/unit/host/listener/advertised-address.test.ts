import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidOptionError } from "../../../../src/errors/invalid-option-error.ts";
import { advertisedAddress, advertisedEndpoint } from "../../../../src/host/listener/advertised-address.ts";
import { resolveNetworkOptions } from "../../../../src/process/network-options.ts";
import { parseWorkerMetadata } from "../../../../src/wire/parse-worker-metadata.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

type Listing = Parameters<typeof advertisedEndpoint>[1];

/** What a host with these addresses, by interface, lists beside its loopback interface. */
function hostWith(interfaces: Readonly<Record<string, readonly string[]>>): Listing {
  const entry = (address: string, internal: boolean) => ({
    address,
    internal,
    netmask: "",
    mac: "",
    cidr: null,
    ...(address.includes(":") ? { family: "IPv6" as const, scopeid: 0 } : { family: "IPv4" as const }),
  });
  return {
    lo: [entry("127.0.0.1", true), entry("::1", true)],
    ...Object.fromEntries(
      Object.entries(interfaces).map(([name, addresses]) => [
        name,
        addresses.map((address) => entry(address, false)),
      ]),
    ),
  };
}

function addressOf(host: string, advertise?: string, listing?: Listing): string {
  const network = resolveNetworkOptions({ host, port: 0, insecure: true, advertise });
  return advertisedAddress({ host: network.host, port: 7 }, advertisedEndpoint(network, listing));
}

const CASES: readonly (readonly [host: string, advertise: string | undefined, address: string])[] = [
  ["127.0.0.1", undefined, "127.0.0.1:7"],
  ["::1", undefined, "[::1]:7"],
  ["fe80::7%eth0", undefined, "[fe80::7%eth0]:7"],
  ["0.0.0.0", "worker-3.internal", "worker-3.internal:7"],
  ["::", "fd00::7", "[fd00::7]:7"],
  ["10.0.0.7", "198.51.100.1", "198.51.100.1:7"],
  ["0.0.0.0", "198.51.100.1:30007", "198.51.100.1:30007"],
  ["127.0.0.1", "worker-3.internal:443", "worker-3.internal:443"],
  ["::", "[fd00::7]:443", "[fd00::7]:443"],
];

for (const [host, advertise, address] of CASES) {
  test(`advertisedAddress of '${host}' advertised as ${advertise ?? "itself"} is ${address}`, () => {
    assert.equal(addressOf(host, advertise), address);
  });
}

const DUAL = hostWith({ eth0: ["fe80::1", "fd00::1"], eth1: ["10.0.0.1", "fe80::2"] });
const ONLY_IPV6 = hostWith({ eth0: ["fe80::1", "fd00::1"] });
const LINK_LOCAL = hostWith({ eth0: ["fe80::1"], eth1: ["febf::2"] });
const SELF_MADE = hostWith({ usb0: ["169.254.7.7", "fe80::1"] });
const SELF_MADE_FIRST = hostWith({ usb0: ["169.254.7.7"], eth0: ["10.0.0.1", "fd00::1"] });
const SELF_MADE_AND_IPV6 = hostWith({ usb0: ["169.254.7.7"], eth0: ["fe80::1", "fd00::1"] });
const ALONE = hostWith({});

const WILDCARDS: readonly (readonly [host: string, on: string, listing: Listing, address: string])[] = [
  ["0.0.0.0", "a host with both families", DUAL, "10.0.0.1:7"],
  ["::", "a host with both families", DUAL, "10.0.0.1:7"],
  ["::", "a host with IPv6 only", ONLY_IPV6, "[fd00::1]:7"],
  ["0.0.0.0", "a host with a self-made IPv4 address", SELF_MADE, "169.254.7.7:7"],
  ["::", "a host with a self-made IPv4 address", SELF_MADE, "169.254.7.7:7"],
  ["0.0.0.0", "a host with a self-made IPv4 address before its own", SELF_MADE_FIRST, "10.0.0.1:7"],
  ["::", "a host with a self-made IPv4 address before its own", SELF_MADE_FIRST, "10.0.0.1:7"],
  ["::", "a host with a self-made IPv4 address and IPv6", SELF_MADE_AND_IPV6, "[fd00::1]:7"],
  ["0.0.0.0", "a host with a self-made IPv4 address and IPv6", SELF_MADE_AND_IPV6, "169.254.7.7:7"],
  ["0.0.0.0", "a host that is on no network", ALONE, "127.0.0.1:7"],
  ["::", "a host that is on no network", ALONE, "127.0.0.1:7"],
];

for (const [host, on, listing, address] of WILDCARDS) {
  test(`advertisedAddress of '${host}' on ${on} is ${address}`, () => {
    assert.equal(addressOf(host, undefined, listing), address);
  });
}

const NOTHING_TO_NAME: readonly (readonly [host: string, on: string, listing: Listing, remedy: RegExp])[] = [
  ["::", "link-local addresses only", LINK_LOCAL, /'fe80::1%eth0' itself/],
  ["0.0.0.0", "link-local addresses only", LINK_LOCAL, /'fe80::1%eth0' itself/],
  ["0.0.0.0", "addresses of IPv6 only", ONLY_IPV6, /listen on '::'/],
];

for (const [host, on, listing, remedy] of NOTHING_TO_NAME) {
  test(`advertisedEndpoint refuses '${host}' on a host with ${on}, says what to do, and does what it is told`, () => {
    assert.throws(
      () => addressOf(host, undefined, listing),
      (error) =>
        error instanceof InvalidOptionError && error.option === "advertise" && remedy.test(error.message),
    );
    assert.equal(addressOf(host, "worker.example", listing), "worker.example:7");
  });
}

for (const wildcard of ["0.0.0.0", "::"]) {
  test(`advertisedAddress of the wildcard '${wildcard}' is an address that a record may name`, () => {
    const address = addressOf(wildcard);

    assert.ok(parseWorkerMetadata(workerMetadata({ address }), { unix: false }) !== undefined, address);
    assert.doesNotMatch(address, /0\.0\.0\.0|\[::\]/);
  });
}
