/** What a filtered onlooker sees. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DiscoveryEvent } from "../../../src/discovery/discovery.ts";
import { FilterTransitions } from "../../../src/discovery/filter-transitions.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

const isGpu = ({ tags }: { readonly tags: readonly string[] }): boolean => tags.includes("gpu");
const [CPU, GPU, BIG_GPU] = [["cpu"], ["gpu"], ["gpu", "big"]].map((tags) => workerMetadata({ tags }));

test("FilterTransitions turns changes into what changed for the onlooker", () => {
  const rows: readonly (readonly [
    DiscoveryEvent["type"],
    typeof CPU,
    DiscoveryEvent["type"] | undefined,
    typeof CPU,
  ])[] = [
    ["worker-added", CPU, undefined, undefined],
    ["worker-dropped", CPU, undefined, undefined],
    ["worker-updated", GPU, "worker-added", GPU],
    ["worker-added", BIG_GPU, "worker-updated", BIG_GPU],
    ["worker-updated", CPU, "worker-dropped", BIG_GPU],
    ["worker-updated", CPU, undefined, undefined],
    ["worker-updated", GPU, "worker-added", GPU],
    ["worker-dropped", GPU, "worker-dropped", GPU],
    ["worker-dropped", GPU, undefined, undefined],
  ];
  const transitions = new FilterTransitions(isGpu);

  for (const [type, worker, expectedType, expectedWorker] of rows) {
    assert.ok(worker);
    const event = transitions.translate({ type, worker });
    assert.deepEqual([event?.type, event?.worker], [expectedType, expectedWorker]);
  }
});

test("FilterTransitions reports a grammar: added, then updates, then dropped, per worker", () => {
  const event = fc.record({
    type: fc.constantFrom("worker-added" as const, "worker-updated" as const, "worker-dropped" as const),
    worker: fc
      .record({ uid: fc.constantFrom("a", "b", "c"), tags: fc.constantFrom(["gpu"], ["cpu"]) })
      .map((fields) => workerMetadata(fields)),
  });
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const transitions = new FilterTransitions(isGpu);
      const reported = new Set<string>();
      for (const change of events) {
        const out = transitions.translate(change);
        if (out === undefined) continue;
        const { uid } = out.worker;
        assert.equal(out.type === "worker-added", !reported.has(uid));
        if (out.type === "worker-dropped") {
          reported.delete(uid);
        } else {
          assert.ok(isGpu(out.worker));
          reported.add(uid);
        }
        assert.equal(transitions.isReported(uid), reported.has(uid));
      }
    }),
  );
});
