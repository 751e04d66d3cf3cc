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
  ] as const;

  for (const [text, { descriptor }] of pairs) {
    const parsed = parsePublishedDiscovery(text);
    assert.deepEqual(parsed !== "none" && parsed.discovery.descriptor, descriptor, text);
  }
  assert.equal(parsePublishedDiscovery("none"), "none");
});
