/** Pools that have as many workers as there is work for. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LocalDiscovery, WorkerPool } from "merino";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { collectEvents, ofType, WORKER_KINDS } from "../fixtures/pool-support.ts";
import { doze, fan, nap, whichWorker } from "./fixtures/life-routines.ts";

for (const worker of WORKER_KINDS) {
  describe(`a pool of a range of sizes, each worker a ${worker}`, () => {
    test("starts with the first call, grows with the work, and is empty again after the idle time", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({
        worker,
        size: { min: 0, max: 3, targetWait: 50, idle: 300 },
      });
      const { seen } = collectEvents(pool);
      assert.deepEqual([pool.workers, pool.stats().size], [[], 0]);

      await nap(1);
      assert.ok(pool.stats().size >= 1);
      const homes = new Set<string>();
      while (homes.size < 2)
        for (const uid of await Promise.all(Array.from({ length: 20 }, () => nap(20)))) homes.add(uid);
      await eventually(() => pool.stats().size === 0, { withinMs: 60_000 });

      const steps = ofType(seen, "pool-resized").map(({ from, size }) => Math.sign(size - from));
      assert.deepEqual(
        [...steps].sort((one, other) => other - one),
        steps,
        `first up, then down: ${steps}`,
      );
      assert.equal(pool.stats().restarts, 0);
      assert.equal(await nap(1).then((uid) => homes.has(uid)), false);
    });

    test("ends no worker with a call, however long that takes", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({
        worker,
        size: { min: 0, max: 2, targetWait: 50, idle: 100 },
      });
      const { seen } = collectEvents(pool);
      const stop = new AbortController();

      const long = doze.with({ signal: stop.signal })(60_000);
      // As long as it takes for a second worker to be ready: one that is not by then is ended without a word.
      do await Promise.all(Array.from({ length: 20 }, () => nap(30)));
      while (pool.stats().ready < 2);
      await eventually(() => ofType(seen, "worker-retired").length > 0, { withinMs: 30_000 });
      await eventually(() => pool.stats().size === 1, { withinMs: 30_000 });
      assert.equal(pool.stats().unsettled, 1);
      stop.abort();

      await assert.rejects(long);
      await eventually(() => pool.stats().size === 0, { withinMs: 30_000 });
    });

    test("counts what its workers ask of each other", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({
        worker,
        size: { min: 1, max: 3, targetWait: 50, idle: 60_000 },
      });

      const fanning = fan(8, 1_500);
      await eventually(() => pool.stats().size > 1, { withinMs: 30_000 });

      await fanning;
      const { size } = pool.explain();
      assert.deepEqual([size?.min, size?.max, size?.targetWait], [1, 3, 50]);
    });

    test("starts as many for the first call as its quorum asks for", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ worker, size: { min: 0, max: 2 }, quorum: 2 });

      await whichWorker();

      assert.equal(pool.stats().ready, 2);
    });
  });
}

describe("a pool of a range of sizes", () => {
  test("keeps the places of its most workers for these, also while it has none", async () => {
    await using _ = leakCheck();
    const discovery = (): LocalDiscovery => new LocalDiscovery("life-lease");
    await using _farm = await WorkerPool.open({ size: 3, lease: 0, discovery: discovery(), ambient: false });
    await using pool = await WorkerPool.open({
      size: { min: 0, max: 2 },
      lease: 1,
      discovery: discovery(),
      lazy: false,
      ambient: false,
    });

    await eventually(() => pool.explain().refused.length === 2, { withinMs: 20_000 });
    const found = pool.workers.length;
    await Promise.all(Array.from({ length: 30 }, () => nap.with({ pool })(20)));
    await eventually(() => pool.explain().members.some(({ own }) => own), { withinMs: 20_000 });

    assert.deepEqual([found, pool.proxy.lease], [1, 3]);
    assert.ok(pool.explain().members.filter(({ own }) => !own).length <= 1);
  });
});
