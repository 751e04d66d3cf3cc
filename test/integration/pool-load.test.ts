/** Many calls at once: all complete, they overlap, long ones hold up no others, and nothing of them stays. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { WorkerPool } from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { add, snooze, spin } from "./fixtures/pool-routines.ts";
import { useEffects, WORKER_KINDS } from "./fixtures/pool-support.ts";

function usedHeap(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** Resolves when every worker has imported the routines: whoever has not takes no part for a while. */
async function warm(pool: WorkerPool): Promise<void> {
  await eventually(
    async () => {
      await Promise.all(Array.from({ length: 8 }, () => spin(2)));
      return pool.stats().ready === 2 && pool.stats().workers.every((worker) => worker.completed > 0);
    },
    { withinMs: 30_000, what: "both workers have answered" },
  );
}

/** One pool for the tests of a suite: to start it takes longer than what most of them do. */
function usePool(worker: (typeof WORKER_KINDS)[number]): { readonly pool: WorkerPool } {
  let pool: WorkerPool | undefined;
  let leaks: AsyncDisposable | undefined;
  before(async () => {
    leaks = leakCheck();
    pool = await WorkerPool.open({ size: 2, worker });
    await warm(pool);
  });
  after(async () => {
    await pool?.close();
    await leaks?.[Symbol.asyncDispose]();
  });
  return {
    get pool() {
      assert.ok(pool !== undefined);
      return pool;
    },
  };
}

for (const worker of WORKER_KINDS) {
  describe(`a pool of two, each a ${worker},`, () => {
    const shared = usePool(worker);

    test("completes 10 000 tiny calls in flight at once, on both workers", async () => {
      const { pool } = shared;
      const before = pool.stats();

      const sums = await Promise.all(Array.from({ length: 10_000 }, (_, n) => add(n, 1)));

      assert.ok(sums.every((sum, n) => sum === n + 1));
      const { completed, queued, unsettled, workers } = pool.stats();
      assert.deepEqual(
        { completed: completed - before.completed, queued, unsettled },
        { completed: 10_000, queued: 0, unsettled: 0 },
      );
      const shares = workers.map((worker, n) => worker.completed - (before.workers[n]?.completed ?? 0));
      assert.ok(Math.min(...shares) > 0, `shares ${shares}`);
    });

    test("runs 10 000 sleepers of 50 ms at once", async (t) => {
      const startMs = performance.now();

      const homes = await Promise.all(Array.from({ length: 10_000 }, () => snooze(50)));

      const tookMs = performance.now() - startMs;
      t.diagnostic(`${Math.round(tookMs)} ms`);
      assert.equal(new Set(homes).size, 2);
      // One after the other on each worker would be 250 000.
      assert.ok(tookMs < 25_000, `took ${tookMs} ms`);
    });

    test("keeps no short call behind a long one while the other worker idles", async (t) => {
      using effects = useEffects();

      // It ends when the short ones have; one that waited for it would wait for ever.
      const long = spin(0, effects.path("go"));
      const short = await Promise.all(Array.from({ length: 200 }, () => spin(1)));
      writeFileSync(effects.path("go"), "");
      const home = await long;

      t.diagnostic(`${short.filter((at) => at === home).length} of 200 ran where the long one did`);
    });

    test("spreads uneven jobs over both workers", async (t) => {
      const { pool } = shared;
      const lengths = Array.from({ length: 60 }, (_, n) => (n % 7 === 0 ? 120 : 10));
      const busyMs = new Map(pool.workers.map(({ uid }) => [uid, 0]));

      await Promise.all(
        lengths.map(async (ms) => {
          const at = await spin(ms);
          busyMs.set(at, (busyMs.get(at) ?? 0) + ms);
        }),
      );

      const shares = [...busyMs.values()];
      const total = lengths.reduce((sum, ms) => sum + ms, 0);
      t.diagnostic(`${shares.join(" + ")} of ${total} ms`);
      assert.equal(shares.length, 2);
      assert.ok(Math.min(...shares) > total / 5, "one worker did nearly everything");
    });

    test("keeps nothing of 40 000 calls that have settled", async (t) => {
      const batch = async (): Promise<void> => {
        for (let round = 0; round < 20; round += 1) {
          await Promise.all(Array.from({ length: 1_000 }, (_, n) => add(n, 1)));
        }
      };
      // What the tests before have left is gone after the second.
      await batch();
      usedHeap();
      await batch();
      const before = usedHeap();

      await batch();
      await batch();

      const grownMiB = (usedHeap() - before) / 2 ** 20;
      t.diagnostic(`grown by ${grownMiB.toFixed(2)} MiB`);
      assert.ok(grownMiB < 1.6, `grown by ${grownMiB} MiB`);
    });
  });
}
