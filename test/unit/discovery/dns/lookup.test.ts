/** What one lookup makes of the answers of DNS, however many there are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveDnsDiscovery } from "../../../../src/discovery/dns/dns-discovery-options.ts";
import { type DnsResolver, lookUpWorkers } from "../../../../src/discovery/dns/lookup.ts";

const SERVICE = "_jobs._tcp.farm.example";

function resolverOf(records: {
  readonly targets: readonly string[];
  readonly ips: readonly string[];
}): DnsResolver {
  return {
    resolve4: async () => [...records.ips],
    resolve6: async () => [],
    resolveSrv: async () => records.targets.map((name, n) => ({ name, port: n + 1 })),
    cancel: () => {},
  };
}

test("lookUpWorkers finds a bounded number of addresses, and says of none that it is not there any more", async () => {
  const targets = Array.from({ length: 4_000 }, () => "crowd.example");
  const ips = Array.from({ length: 4_000 }, (_, n) => `10.1.${n >> 8}.${n & 255}`);

  const { addresses, mayRemain } = await lookUpWorkers(
    resolveDnsDiscovery(SERVICE, undefined),
    resolverOf({ targets, ips }),
  );

  assert.ok(addresses.length > 4_096 && addresses.length < 20_000, `${addresses.length} addresses`);
  assert.equal(new Set(addresses).size, addresses.length);
  assert.equal(mayRemain("10.9.9.9:1"), true);
});

test("lookUpWorkers finds every address of a service, with each of its ports", async () => {
  const { addresses, mayRemain } = await lookUpWorkers(
    resolveDnsDiscovery(SERVICE, undefined),
    resolverOf({ targets: ["a.example", "a.example"], ips: ["10.0.0.1", "10.0.0.2"] }),
  );

  assert.deepEqual(addresses, ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.1:2", "10.0.0.2:2"]);
  assert.equal(mayRemain("10.9.9.9:1"), false);
});
