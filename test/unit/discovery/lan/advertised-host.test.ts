/** Under which host workers are announced. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAdvertise, resolveAdvertisedEndpoint } from "../../../../src/discovery/lan/advertised-host.ts";

const wildcard4 = { kind: "interface", ipv4: true, ipv6: false };
const wildcard6 = { kind: "interface", ipv4: true, ipv6: true };

for (const [address, advertise, host, loopback] of [
  ["0.0.0.0:1", undefined, wildcard4, false],
  ["[::]:1", undefined, wildcard6, false],
  ["[0:0::0]:1", undefined, wildcard6, false],
  ["[::ffff:0.0.0.0]:1", undefined, wildcard4, false],
  ["10.1.2.3:1", undefined, { kind: "address", address: "10.1.2.3" }, false],
  ["[FD00::0:1]:1", undefined, { kind: "address", address: "fd00::1" }, false],
  ["[fe80::1%eth0]:1", undefined, { kind: "address", address: "fe80::1" }, false],
  ["[::ffff:10.1.2.3]:1", undefined, { kind: "address", address: "10.1.2.3" }, false],
  ["gpu.example.org:1", undefined, { kind: "name", name: "gpu.example.org" }, false],
  ["127.0.0.1:1", undefined, { kind: "address", address: "127.0.0.1" }, true],
  ["127.9.9.9:1", undefined, { kind: "address", address: "127.9.9.9" }, true],
  ["[::1]:1", undefined, { kind: "address", address: "::1" }, true],
  ["[::ffff:127.0.0.1]:1", undefined, { kind: "address", address: "127.0.0.1" }, true],
  ["localhost:1", undefined, { kind: "name", name: "localhost" }, true],
  ["0.0.0.0:1", "gpu.example.org", { kind: "name", name: "gpu.example.org" }, false],
  ["127.0.0.1:1", "192.0.2.7", { kind: "address", address: "192.0.2.7" }, false],
  ["[::]:1", "fd00::7", { kind: "address", address: "fd00::7" }, false],
] as const) {
  test(`resolveAdvertisedEndpoint announces ${address} as ${advertise ?? "it is"}: ${JSON.stringify(host)}`, () => {
    assert.deepEqual(resolveAdvertisedEndpoint(address, advertise), { host, port: 1, loopback });
  });
}

test("resolveAdvertisedEndpoint refuses a Unix socket and says how to have a network address", () => {
  assert.throws(() => resolveAdvertisedEndpoint("unix:/run/merino/w"), {
    code: "ERR_MERINO_INVALID_OPTION",
    option: "event.worker.address",
    message: /ProcessWorker\.factory/,
  });
});

test("resolveAdvertisedEndpoint refuses a name that DNS has no form for", () => {
  for (const address of ["a..b:1", `${"x".repeat(64)}:1`, ".:1"]) {
    assert.throws(() => resolveAdvertisedEndpoint(address), { option: "event.worker.address" });
  }
});

test("parseAdvertise takes addresses and names", () => {
  for (const value of ["192.0.2.7", "fd00::7", "gpu.example.org", "gpu_1", "127.0.0.1", "localhost"]) {
    assert.equal(parseAdvertise(value), value);
  }
});

test("parseAdvertise refuses what nobody can connect to", () => {
  for (const value of [
    "",
    "0.0.0.0",
    "::",
    "0::0",
    "host:80",
    "[fd00::7]",
    "a b",
    "a..b",
    7,
    null,
    {},
    ["a"],
  ]) {
    assert.throws(() => parseAdvertise(value), { code: "ERR_MERINO_INVALID_OPTION", option: "advertise" });
  }
});
