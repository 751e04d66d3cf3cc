/** Balancers rebuilt from data. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { balancerFromDescriptor } from "../../../src/balancer/balancer-from-descriptor.ts";

test("balancerFromDescriptor gives the default policy for no descriptor", () => {
  assert.deepEqual(balancerFromDescriptor(undefined).descriptor, { kind: "least-busy" });
});

test("balancerFromDescriptor refuses what is not a registered kind", () => {
  for (const hostile of [null, "least-busy", 7, {}, { kind: "__proto__" }, { kind: ["least-busy"] }, []]) {
    assert.throws(() => balancerFromDescriptor(hostile), {
      code: "ERR_MERINO_INVALID_OPTION",
      option: "balancer.kind",
    });
  }
});
