/** What a DNS discovery accepts, and the data from which it is rebuilt. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { discoveryFromDescriptor } from "../../../../src/discovery/discovery-from-descriptor.ts";
import { DnsDiscovery } from "../../../../src/discovery/dns/dns-discovery.ts";
import { resolveDnsDiscovery } from "../../../../src/discovery/dns/dns-discovery-options.ts";
import { createDnsResolver } from "../../../../src/discovery/dns/lookup.ts";
import { dnsPeers } from "../../../support/dns-peers.ts";
import { follow } from "../../../support/follow.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

/** A call of the constructor with values that its types may not allow. */
function make(name: unknown, port?: unknown, options?: unknown): DnsDiscovery {
  return new DnsDiscovery(name as string, port as number, options as object);
}

function refuses(option: string, ...values: Parameters<typeof make>): void {
  assert.throws(() => make(...values), { code: "ERR_MERINO_INVALID_OPTION", option }, String(values));
}

test("DnsDiscovery accepts complete names in any case, with and without a trailing dot", () => {
  for (const name of ["jobs.default.svc.cluster.local", "JOBS.test.", "jobs", "a-b.c_d.x1", "1.pool.test"]) {
    assert.equal(resolveDnsDiscovery(name, 1).name, name.toLowerCase().replace(/\.$/, ""));
  }
});

test("DnsDiscovery refuses what is no DNS name", () => {
  const labels = ["", ".", "..", "a..b", ".a", "-a.test", "a-.test", "a b", "a/b", "é.test", "a:1", "a\0b"];
  const addresses = ["10.0.0.1", "127.1", "::1", "[::1]", "jobs.test:7777", "http://jobs.test", "a.1"];
  const types = [undefined, null, 7, {}, ["a"]];
  for (const name of [...labels, ...addresses, ...types, "x".repeat(64), `${"a.".repeat(127)}a`]) {
    refuses("name", name, 7_777);
  }
});

test("DnsDiscovery wants a port, but for SRV names", () => {
  for (const port of [undefined, null, 0, -1, 65_536, 1.5, Number.NaN, "7777"]) {
    refuses("port", "jobs.test", port);
    if (port !== undefined) refuses("port", "_merino._tcp.jobs.test", port);
  }
  assert.equal(resolveDnsDiscovery("_merino._tcp.jobs.test", undefined).port, undefined);
  assert.equal(resolveDnsDiscovery("_merino._tcp.jobs.test", 65_535).port, 65_535);
});

test("DnsDiscovery refuses bad options and names them", () => {
  for (const pollInterval of [0, 49, 3_600_001, Number.NaN, Number.POSITIVE_INFINITY, "5000", null]) {
    refuses("pollInterval", "jobs.test", 1, { pollInterval });
  }
  for (const describeTimeout of [0, 9, 60_001, "1000"])
    refuses("describeTimeout", "jobs.test", 1, { describeTimeout });
  for (const family of [0, 5, "4", null]) refuses("family", "jobs.test", 1, { family });
  const entries = [
    "",
    "dns.test",
    "dns.test:53",
    "1.2.3.4:",
    "1.2.3.4:0",
    "1.2.3.4:65536",
    "[1.2.3.4]:53",
    "[::1]",
    "fe80::1%lo",
    53,
  ];
  for (const servers of [
    "10.0.0.10",
    [],
    new Array(9).fill("10.0.0.10"),
    {},
    ...entries.map((entry) => [entry]),
  ]) {
    refuses("servers", "jobs.test", 1, { servers });
  }
  refuses("pollinterval", "jobs.test", 1, { pollinterval: 5_000 });
  refuses("options", "jobs.test", 1, 5_000);
  refuses("options", "jobs.test", 1, null);
});

test("DnsDiscovery accepts no server that a resolver would not", async () => {
  const servers = ["10.0.0.10", "127.0.0.1:8600", "::1", "[::1]:5353", "::ffff:10.0.0.1"];

  const resolved = resolveDnsDiscovery("jobs.test", 1, { servers });

  await assert.doesNotReject(createDnsResolver(resolved.servers));
});

test("DnsDiscovery is rebuilt from its descriptor, as JSON carries it", () => {
  const originals = [
    new DnsDiscovery("jobs.test", 7_777),
    new DnsDiscovery("_merino._tcp.jobs.test"),
    new DnsDiscovery("Jobs.test.", 1, {
      pollInterval: 1_000,
      describeTimeout: 500,
      servers: ["127.0.0.1:8600"],
      family: 6,
    }),
  ];
  for (const original of originals) {
    const rebuilt = discoveryFromDescriptor(JSON.parse(JSON.stringify(original.descriptor)));

    assert.ok(rebuilt instanceof DnsDiscovery);
    assert.deepEqual(rebuilt.descriptor, original.descriptor);
  }
  assert.deepEqual(originals[0]?.descriptor, {
    kind: "dns",
    parameters: { name: "jobs.test", port: 7_777, pollInterval: 5_000, describeTimeout: 2_000 },
  });
});

test("discoveryFromDescriptor refuses a hostile descriptor of kind 'dns'", () => {
  const sound = { name: "jobs.test", port: 1 };
  for (const [parameters, option] of [
    [undefined, "name"],
    [{ ...sound, name: "127.0.0.1" }, "name"],
    [{ ...sound, port: 0 }, "port"],
    [{ ...sound, pollInterval: 1 }, "pollInterval"],
    [{ ...sound, servers: ["evil.test"] }, "servers"],
    [{ ...sound, family: 5 }, "family"],
  ] as const) {
    assert.throws(() => discoveryFromDescriptor({ kind: "dns", parameters }), {
      code: "ERR_MERINO_INVALID_OPTION",
      option,
    });
  }
});

test("DnsDiscovery accepts what is published and announces nothing", async () => {
  const peers = dnsPeers();
  const discovery = new DnsDiscovery("jobs.test", 1, { pollInterval: 50 }, peers.ports);
  peers.a.set("jobs.test", ["10.0.0.1"]);
  peers.described.set("10.0.0.1:1", workerMetadata({ uid: "found" }));
  const publisher = discovery.publisher();
  await using follower = follow(discovery);

  await publisher.publish({ type: "worker-added", worker: workerMetadata({ uid: "published" }) });
  await follower.read(1);
  await assert.rejects(publisher.publish({ type: "worker-added", worker: {} as never }), {
    code: "ERR_MERINO_INVALID_OPTION",
  });
  await publisher.close();

  assert.deepEqual(follower.log, ["added found"]);
});
