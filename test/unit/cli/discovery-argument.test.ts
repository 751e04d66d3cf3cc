import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePublishedDiscovery } from "../../../src/cli/discovery-argument.ts";
import { DnsDiscovery, LanDiscovery, LocalDiscovery } from "../../../src/index.ts";

test("parsePublishedDiscovery names what a program names by the constructor, so that a worker knows it again", () => {
  const pairs = [
    ["local:thumbs", new LocalDiscovery("thumbs")],
    ["lan:thumbs", new LanDiscovery("thumbs")],
    ["dns:jobs.example:7777", new DnsDiscovery("jobs.example", 7777)],
    ["dns:_jobs._tcp.example", new DnsDiscovery("_jobs._tcp.example")],
    ["lan:thumbs?port=5354", new LanDiscovery("thumbs", { port: 5_354 })],
    [
      "dns:jobs.example:7777?server=10.0.0.10&server=%5B::1%5D:5353&server=[fd00::1]:53&poll=200&timeout=50&family=4",
      new DnsDiscovery("jobs.example", 7777, {
        servers: ["10.0.0.10", "[::1]:5353", "[fd00::1]:53"],
        pollInterval: 200,
        describeTimeout: 50,
        family: 4,
      }),
    ],
    [
      "dns:_jobs._tcp.example?server=10.0.0.10",
      new DnsDiscovery("_jobs._tcp.example", undefined, { servers: ["10.0.0.10"] }),
    ],
  ] as const;

  for (const [text, { descriptor }] of pairs) {
    const parsed = parsePublishedDiscovery(text);
    assert.deepEqual(parsed !== "none" && parsed.discovery.descriptor, descriptor, text);
  }
  assert.equal(parsePublishedDiscovery("none"), "none");
});

const REFUSED: Readonly<Record<string, RegExp>> = {
  "local:thumbs?poll=1": /Unknown option 'poll': a local discovery takes none/,
  "lan:thumbs?poll=1": /'poll'.*port, interface, advertise, lifetime/,
  "lan:thumbs?port=0": /'port'/,
  "lan:thumbs?advertise=host:1": /'advertise'/,
  "dns:jobs.example:7777?ttl=5": /'ttl'.*server, poll, timeout, family/,
  "dns:jobs.example:7777?poll=5": /'pollInterval'/,
  "dns:jobs.example:7777?poll=soon": /a number for the option 'poll'/,
  "dns:jobs.example:7777?poll=100&poll=200": /'poll' may be given only once/,
  "dns:jobs.example:7777?family=5": /'family'/,
  "dns:jobs.example:7777?server=ns.example": /'servers'/,
  "dns:jobs.example:http": /a port behind the name/,
  "dns:jobs.example": /'port'/,
};

for (const [text, words] of Object.entries(REFUSED)) {
  test(`parsePublishedDiscovery refuses '${text}' and says what it expects`, () => {
    assert.throws(() => parsePublishedDiscovery(text), words);
  });
}
