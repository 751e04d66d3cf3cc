/** The choice of interfaces. */
import assert from "node:assert/strict";
import type { NetworkInterfaceInfo } from "node:os";
import { test } from "node:test";
import { hasIPv4, selectInterfaces } from "../../../../../src/discovery/lan/multicast/interface.ts";

function address(cidr: string, internal = false): NetworkInterfaceInfo {
  const [bare = ""] = cidr.split("/");
  const common = { address: bare, netmask: "", mac: "", internal, cidr };
  return bare.includes(":") ? { ...common, family: "IPv6", scopeid: 0 } : { ...common, family: "IPv4" };
}

const LOOPBACK = { lo: [address("127.0.0.1/8", true), address("::1/128", true)] };
const LISTING = {
  ...LOOPBACK,
  eth0: [address("192.168.1.5/24"), address("fd00::5/64"), address("fe80::5/64")],
  wlan0: [address("fe80::6/64")],
  tun0: [address("10.9.0.1/32")],
};

function named(...args: Parameters<typeof selectInterfaces>): readonly string[] {
  return selectInterfaces(...args).map(({ name, family }) => `${name}/${family}`);
}

test("selectInterfaces takes all but loopback, each family by itself", () => {
  assert.deepEqual(named(LISTING), ["eth0/4", "eth0/6", "wlan0/6", "tun0/4"]);
});

test("selectInterfaces falls back to loopback where there is nothing else", () => {
  assert.deepEqual(named(LOOPBACK), ["lo/4"]);
  assert.deepEqual(named({}), []);
});

test("selectInterfaces takes those named by name or address, and none in place of one that is missing", () => {
  assert.deepEqual(named(LISTING, ["lo", "192.168.1.5"]), ["lo/4", "eth0/4", "eth0/6"]);
  assert.deepEqual(named(LISTING, ["eth7"]), []);
});

test("selectInterfaces names link-local addresses only where there are no others", () => {
  const interfaces = selectInterfaces(LISTING);

  assert.deepEqual(interfaces.find(({ name }) => name === "eth0")?.ipv6, ["fd00::5"]);
  assert.deepEqual(interfaces.find(({ name }) => name === "wlan0")?.ipv6, ["fe80::6"]);
});

test("selectInterfaces tells an interface with other addresses from the one before", () => {
  const changed = { eth0: [address("192.168.1.6/24")] };

  assert.notEqual(selectInterfaces(LISTING)[0]?.key, selectInterfaces(changed)[0]?.key);
  assert.equal(selectInterfaces(LISTING)[0]?.key, selectInterfaces(LISTING)[0]?.key);
});

test("LanInterface.isOnLink knows its own networks, and trusts where it cannot know", () => {
  const [eth0, , , tun0] = selectInterfaces(LISTING);

  const onLink = ["192.168.1.77", "fd00::77", "fe80::77%eth0", "192.168.2.77", "8.8.8.8", "fe80::77%wlan0"];
  assert.deepEqual(
    onLink.map((one) => eth0?.isOnLink(one)),
    [true, true, true, false, false, false],
  );
  assert.equal(tun0?.isOnLink("10.9.0.2"), true);
});

test("hasIPv4 is about networks beyond loopback, if there are any", () => {
  assert.equal(hasIPv4(LISTING), true);
  assert.equal(hasIPv4({ ...LOOPBACK, wlan0: LISTING.wlan0 }), false);
  assert.equal(hasIPv4(LOOPBACK), true);
});
