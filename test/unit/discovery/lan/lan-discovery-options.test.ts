/** The options of LanDiscovery. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LanDiscovery } from "../../../../src/discovery/lan/lan-discovery.ts";
import { resolveLanDiscoveryOptions } from "../../../../src/discovery/lan/lan-discovery-options.ts";

test("resolveLanDiscoveryOptions fills in what is not said", () => {
  assert.deepEqual(resolveLanDiscoveryOptions({}), {
    advertise: undefined,
    interfaces: undefined,
    port: 5_353,
    lifetimeMs: 60_000,
  });
});

for (const [option, values] of [
  ["port", [0, -1, 65_536, 1.5, Number.NaN, "5353", null]],
  ["recordLifetime", [0, 2_000, 121_000, 4_500, Number.NaN, Number.POSITIVE_INFINITY, "60000", null]],
  ["interfaces", [[], "eth0", [""], ["a b"], ["../eth0"], [7], new Array(65).fill("eth0"), {}, null]],
  ["advertise", ["", "0.0.0.0", "host:1", 7, null]],
  ["hosts", ["eth0"]],
] as const) {
  test(`LanDiscovery refuses wrong values of '${option}' when it is made`, () => {
    for (const value of values) {
      assert.throws(() => new LanDiscovery("thumbs", { [option]: value }), {
        code: "ERR_MERINO_INVALID_OPTION",
        option,
      });
    }
  });
}

test("LanDiscovery refuses a namespace that breaks the rule", () => {
  for (const namespace of ["", "a b", "a/b", ".", "x".repeat(65)]) {
    assert.throws(() => new LanDiscovery(namespace), { option: "namespace" });
  }
});

test("LanDiscovery describes itself without what concerns this host only", () => {
  const plain = new LanDiscovery("thumbs", { advertise: "gpu.example.org", interfaces: ["eth0"] });
  const elsewhere = new LanDiscovery("thumbs", { port: 5_354 });

  assert.deepEqual(plain.descriptor, { kind: "lan", parameters: { namespace: "thumbs" } });
  assert.deepEqual(elsewhere.descriptor, { kind: "lan", parameters: { namespace: "thumbs", port: 5_354 } });
});

test("LanDiscovery opens nothing before it is used", () => {
  const before = process.getActiveResourcesInfo().length;

  const publisher = new LanDiscovery("thumbs").publisher();

  assert.ok(publisher.bindHost === "0.0.0.0" || publisher.bindHost === "::");
  assert.equal(process.getActiveResourcesInfo().length, before);
});
