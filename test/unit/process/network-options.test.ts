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
  ["health", "9000"],
  ["health", "0.0.0.0"],
  ["health", ":9000"],
  ["health", "0.0.0.0:0"],
  ["health", "0.0.0.0:65536"],
  ["health", "fd00::7:9000:x"],
  ["health", 9000],
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

for (const [given, kept] of [
  ["0.0.0.0:9000", "0.0.0.0:9000"],
  ["localhost:9000", "localhost:9000"],
  ["[::]:65535", "[::]:65535"],
] as const) {
  test(`resolveNetworkOptions takes '${given}' for health, and takes what it makes of it again`, () => {
    const once = resolveNetworkOptions({ host: "127.0.0.1", port: 1, health: given });

    assert.equal(once.health, kept);
    assert.deepEqual(resolveNetworkOptions(once), once);
  });
}

test("resolveNetworkOptions keeps the ports for health apart from those for calls, of as many workers as there are", () => {
  const calls = { host: "127.0.0.1", port: 9_000 };

  for (const [health, workers] of [
    ["127.0.0.1:9000", 1],
    ["0.0.0.0:9000", 1],
    ["127.0.0.1:9003", 4],
    ["127.0.0.1:8997", 4],
    ["127.0.0.1:65533", 4],
  ] as const) {
    assert.throws(() => resolveNetworkOptions({ ...calls, health }, { workers }), refusing("health"), health);
  }
  for (const [health, workers] of [
    ["127.0.0.1:9001", 1],
    ["127.0.0.2:9000", 1],
    ["127.0.0.1:9004", 4],
    ["127.0.0.1:8996", 4],
  ] as const) {
    assert.equal(resolveNetworkOptions({ ...calls, health }, { workers }).health, health);
  }
});

function refusing(option: string): (error: unknown) => boolean {
  return (error) => error instanceof InvalidOptionError && error.option === option;
}
