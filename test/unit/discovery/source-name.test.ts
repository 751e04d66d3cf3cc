/** What makes two discoveries look at the same, and how that is called. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DiscoveryDescriptor } from "../../../src/discovery/discovery.ts";
import { DnsDiscovery } from "../../../src/discovery/dns/dns-discovery.ts";
import { LanDiscovery } from "../../../src/discovery/lan/lan-discovery.ts";
import { LocalDiscovery } from "../../../src/discovery/local/local-discovery.ts";
import { describeSource, sourceName } from "../../../src/discovery/source-name.ts";
import { StaticDiscovery } from "../../../src/discovery/static-discovery.ts";

function dns(...args: ConstructorParameters<typeof DnsDiscovery>): DiscoveryDescriptor {
  return new DnsDiscovery(...args).descriptor;
}

const NAMES: readonly (readonly [string, DiscoveryDescriptor])[] = [
  ["local:thumbs", new LocalDiscovery("thumbs").descriptor],
  ["lan:thumbs", new LanDiscovery("thumbs", { interfaces: ["eth0"], recordLifetime: 3_000 }).descriptor],
  ["lan:thumbs?port=5354", new LanDiscovery("thumbs", { port: 5_354 }).descriptor],
  [
    "dns:jobs.example:7777",
    dns("Jobs.Example.", 7_777, { pollInterval: 50, describeTimeout: 10, family: 6 }),
  ],
  ["dns:_jobs._tcp.example", dns("_jobs._tcp.example")],
  [
    "dns:jobs.example:7777?server=10.0.0.2:54&server=10.0.0.3&server=::1",
    dns("jobs.example", 7_777, { servers: ["[::1]:53", "10.0.0.3:53", "10.0.0.3", "10.0.0.2:54"] }),
  ],
  [
    "dns:jobs.example:7777?server=10.0.0.2:5353&server=[fd00::10]:5353&server=fd00::53",
    dns("JOBS.example", 7_777, {
      servers: ["[FD00:0::10]:05353", "fd00:0:0::53", "[fd00::53]:053", "10.0.0.2:05353", "FD00::53"],
    }),
  ],
];

for (const [name, descriptor] of NAMES) {
  test(`sourceName calls a discovery '${name}', whatever does not change what it finds`, () => {
    assert.equal(sourceName(descriptor), name);
    assert.equal(describeSource(descriptor), `'${name}'`);
  });
}

test("sourceName tells apart what looks at different things", () => {
  const descriptors = [
    ...NAMES.map(([, descriptor]) => descriptor),
    dns("jobs.example", 7_778),
    dns("jobs.example", 7_777, { servers: ["10.0.0.2"] }),
    dns("_jobs._tcp.example", 7_777),
    new StaticDiscovery([]).descriptor,
    new StaticDiscovery(["10.0.0.1:7777"]).descriptor,
  ];

  assert.equal(new Set(descriptors.map(sourceName)).size, descriptors.length);
});

test("sourceName takes any data for a descriptor, and confuses none of another shape with one of its kinds", () => {
  const parameters: readonly unknown[] = [
    undefined,
    null,
    1,
    {},
    { namespace: 1 },
    { namespace: ["thumbs"] },
    { name: "jobs.example", port: "7777" },
    { name: "jobs.example", servers: "10.0.0.1" },
    { name: "jobs.example", servers: [1] },
  ];
  for (const kind of ["local", "lan", "dns", "static", "constructor"]) {
    for (const strange of parameters) {
      const name = sourceName({ kind, parameters: strange } as DiscoveryDescriptor);
      if (!(kind === "local" || kind === "lan" || kind === "dns") || !name.startsWith(`${kind}:`)) {
        assert.match(name, /^\{/);
      } else assert.fail(name);
    }
  }
});

test("describeSource says how many workers a list has, and what kind a discovery of one's own is", () => {
  assert.equal(describeSource(new StaticDiscovery(["10.0.0.1:7777"]).descriptor), "a list of 1");
  assert.equal(describeSource({ kind: "redis", parameters: {} }), "a discovery of kind 'redis'");
  assert.equal(describeSource(undefined), "its discovery");
});
