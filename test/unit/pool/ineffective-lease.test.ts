/** A lease where there is nothing to lease from. */
// own process: it is warned of once in a process
import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkerPool } from "../../../src/pool/worker-pool.ts";
import { MemoryDiscovery } from "../../support/memory-discovery.ts";
import { useWarnings } from "../../support/use-warnings.ts";

test("WorkerPool warns once of a lease without a discovery, and hands it to its proxy all the same", async () => {
  using warnings = useWarnings();
  const discovery = new MemoryDiscovery();
  const warned = async (): Promise<readonly string[]> => {
    await new Promise(setImmediate);
    return warnings.codes;
  };

  // These have an effect.
  new WorkerPool({ size: 2, lease: 3, discovery });
  new WorkerPool({ lease: 3, discovery });
  new WorkerPool({ size: 2 });
  assert.deepEqual(await warned(), []);
  const pools = [3, 0, 4].map((lease) => new WorkerPool({ size: 2, lease }));

  assert.deepEqual(await warned(), ["MERINO_INEFFECTIVE_LEASE"]);
  assert.match(warnings.messages[0] ?? "", /a lease of 3\b/);
  assert.deepEqual(
    pools.map(({ proxy }) => proxy.lease),
    [5, 2, 6],
  );
});
