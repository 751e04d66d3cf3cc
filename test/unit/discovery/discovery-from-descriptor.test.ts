/** Discoveries rebuilt from data. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { discoveryFromDescriptor } from "../../../src/discovery/discovery-from-descriptor.ts";
import { LanDiscovery } from "../../../src/discovery/lan/lan-discovery.ts";
import { LocalDiscovery } from "../../../src/discovery/local/local-discovery.ts";
import { StaticDiscovery } from "../../../src/discovery/static-discovery.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

test("discoveryFromDescriptor rebuilds every shipped kind from its descriptor, as JSON carries it", () => {
  for (const original of [
    new LocalDiscovery("thumbs"),
    new LanDiscovery("thumbs"),
    new LanDiscovery("thumbs", { port: 5_354 }),
    new StaticDiscovery([workerMetadata()]),
  ]) {
    const rebuilt = discoveryFromDescriptor(JSON.parse(JSON.stringify(original.descriptor)));

    assert.equal(rebuilt.constructor, original.constructor);
    assert.deepEqual(rebuilt.descriptor, original.descriptor);
  }
});

test("discoveryFromDescriptor refuses kinds that are not registered", () => {
  const hostile = [
    undefined,
    null,
    "local",
    7,
    {},
    [],
    { kind: "memory" },
    { kind: "__proto__" },
    { kind: ["local"] },
  ];
  for (const descriptor of [...hostile, Object.create({ kind: "local" })]) {
    assert.throws(() => discoveryFromDescriptor(descriptor), {
      code: "ERR_MERINO_INVALID_OPTION",
      option: "discovery.kind",
    });
  }
});

test("discoveryFromDescriptor refuses a namespace that breaks the rule", () => {
  for (const namespace of [undefined, "", ".", "..", "a/b", "../a", "a\0", "x".repeat(65), "é", 7, ["a"]]) {
    assert.throws(() => discoveryFromDescriptor({ kind: "local", parameters: { namespace } }), {
      code: "ERR_MERINO_INVALID_OPTION",
      option: "namespace",
    });
  }
  assert.throws(() => discoveryFromDescriptor({ kind: "local" }), { option: "namespace" });
});

test("discoveryFromDescriptor believes Unix addresses only when told to", () => {
  const descriptor = {
    kind: "static",
    parameters: { workers: [workerMetadata({ address: "unix:/run/merino/s/w" })] },
  };

  assert.throws(() => discoveryFromDescriptor(descriptor), {
    code: "ERR_MERINO_INVALID_OPTION",
    option: "workers[0]",
  });
  assert.ok(discoveryFromDescriptor(descriptor, { unix: true }));
});
