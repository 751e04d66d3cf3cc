import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidOptionError } from "../../../src/errors/invalid-option-error.ts";
import { type NetworkOptions, resolveNetworkOptions } from "../../../src/process/network-options.ts";

const LOOPBACK = ["127.0.0.1", "127.8.9.10", "localhost", "LocalHost", "::1", "[::1]", "::ffff:127.0.0.1"];
const BEYOND = [
  "0.0.0.0",
  "::",
  "[::]",
  "10.0.0.7",
  "fd00::7",
  "worker-3.internal",
  "128.0.0.1",
  "127.example.com",
];

for (const host of LOOPBACK) {
  test(`resolveNetworkOptions lets a worker listen on '${host}' as it is`, () => {
    assert.equal(resolveNetworkOptions({ host, port: 0 }).host, host.replace(/^\[|\]$/g, ""));
  });
}

for (const host of BEYOND) {
  test(`resolveNetworkOptions lets a worker listen on '${host}' only when that is called insecure`, () => {
    assert.throws(() => resolveNetworkOptions({ host, port: 0 }), refusing("insecure"));
    assert.throws(() => resolveNetworkOptions({ host, port: 0, insecure: false }), refusing("insecure"));
    assert.equal(resolveNetworkOptions({ host, port: 0, insecure: true }).insecure, true);
  });
}

const REFUSED: readonly (readonly [keyof NetworkOptions, unknown])[] = [
  ["host", ""],
  ["host", "127.0.0.1:80"],
  ["host", "http://worker"],
  ["host", "a b"],
  ["host", "a/b"],
  ["host", "-a"],
  ["host", "[127.0.0.1]"],
  ["host", 1],
  ["port", -1],
  ["port", 65_536],
  ["port", 1.5],
  ["port", "80"],
  ["advertise", ""],
  ["advertise", "0.0.0.0"],
  ["advertise", "::"],
  ["advertise", "host:0"],
  ["advertise", "host:65536"],
  ["advertise", "host:"],
  ["advertise", ":80"],
  ["advertise", "host:80:90"],
  ["advertise", "http://host:80"],
  ["advertise", "0.0.0.0:80"],
  ["advertise", "[::]:80"],
  ["advertise", "[10.0.0.7]:80"],
  ["advertise", "[fd00::7]:"],
  ["advertise", null],
  ["insecure", "yes"],
];

for (const [option, value] of REFUSED) {
  test(`resolveNetworkOptions refuses ${option} ${JSON.stringify(value)}`, () => {
    const options = { host: "127.0.0.1", port: 0, [option]: value };

    assert.throws(() => resolveNetworkOptions(options), refusing(option));
  });
}

const ADVERTISED: readonly (readonly [given: string, kept: string])[] = [
  ["worker.example", "worker.example"],
  ["worker.example:7777", "worker.example:7777"],
  ["203.0.113.7:1", "203.0.113.7:1"],
  ["fd00::7", "fd00::7"],
  ["fd00::7:80", "fd00::7:80"], // an address, all of it
  ["[fd00::7]:65535", "[fd00::7]:65535"],
  ["[fe80::7%eth0]:80", "[fe80::7%eth0]:80"],
];

for (const [given, kept] of ADVERTISED) {
  test(`resolveNetworkOptions takes '${given}' to advertise, and takes what it makes of it again`, () => {
    const once = resolveNetworkOptions({ host: "::1", port: 1, advertise: given });

    assert.equal(once.advertise, kept);
    assert.deepEqual(resolveNetworkOptions(once), once);
  });
}

test("resolveNetworkOptions takes an advertised host without its brackets", () => {
  const options = resolveNetworkOptions({ host: "::1", port: 1, advertise: "[fd00::7]" });

  assert.equal(options.advertise, "fd00::7");
});

function refusing(option: string): (error: unknown) => boolean {
  return (error) => error instanceof InvalidOptionError && error.option === option;
}
