import assert from "node:assert/strict";
import { test } from "node:test";
import { advertisedAddress } from "../../../../src/host/listener/advertised-address.ts";
import { parseWorkerMetadata } from "../../../../src/wire/parse-worker-metadata.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

const CASES: readonly (readonly [host: string, advertise: string | undefined, address: string])[] = [
  ["127.0.0.1", undefined, "127.0.0.1:7"],
  ["::1", undefined, "[::1]:7"],
  ["0.0.0.0", "worker-3.internal", "worker-3.internal:7"],
  ["::", "fd00::7", "[fd00::7]:7"],
  ["10.0.0.7", "198.51.100.1", "198.51.100.1:7"],
  ["0.0.0.0", "198.51.100.1:30007", "198.51.100.1:30007"],
  ["127.0.0.1", "worker-3.internal:443", "worker-3.internal:443"],
  ["::", "[fd00::7]:443", "[fd00::7]:443"],
];

for (const [host, advertise, address] of CASES) {
  test(`advertisedAddress of '${host}' advertised as ${advertise ?? "itself"} is ${address}`, () => {
    assert.equal(advertisedAddress({ host, port: 7 }, advertise), address);
  });
}

for (const wildcard of ["0.0.0.0", "::"]) {
  test(`advertisedAddress of the wildcard '${wildcard}' is an address that a record may name`, () => {
    const address = advertisedAddress({ host: wildcard, port: 7 });

    assert.ok(parseWorkerMetadata(workerMetadata({ address }), { unix: false }) !== undefined, address);
    assert.doesNotMatch(address, /0\.0\.0\.0|\[::\]/);
  });
}
