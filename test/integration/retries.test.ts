/** Calls of routines that may run twice, on real workers. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { WorkerLostError, WorkerPool, withCallOptions } from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { useEffects, WORKER_KINDS } from "./fixtures/pool-support.ts";
import { callsThrowFirst, countRuns, dieFirst, stallFirst } from "./fixtures/repeated-routines.ts";

for (const worker of WORKER_KINDS) {
  describe(`calls that may be repeated, each worker a ${worker}`, () => {
    test("are made again after their worker has died, and from a task after what its caller names", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using pool = await WorkerPool.open({ worker, size: 2 });
      const large = new Uint8Array(300_000).fill(3);

      assert.deepEqual(await dieFirst(effects.path("one"), large), large);
      assert.equal(await callsThrowFirst(effects.path("two")), "nested");
      await assert.rejects(dieFirst.with({ retry: false })(effects.path("three"), 1), WorkerLostError);
      await assert.rejects(
        withCallOptions({ retry: false }, () => dieFirst(effects.path("four"), 1)),
        WorkerLostError,
      );

      const { calls, completed, failed, retried, unsettled } = pool.stats();
      assert.deepEqual(
        { calls, completed, failed, retried, unsettled },
        { calls: 4, completed: 2, failed: 2, retried: 1, unsettled: 0 },
      );
    });

    test("go to a second worker when they take long, and leave nothing running", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using pool = await WorkerPool.open({ worker, size: 2 });
      const file = effects.path("stalled");

      assert.equal(await stallFirst(file), "second");

      await eventually(() => existsSync(`${file}.cancelled`));
      const { calls, completed, hedged, unsettled } = pool.stats();
      assert.deepEqual(
        { calls, completed, hedged, unsettled },
        { calls: 1, completed: 1, hedged: 1, unsettled: 0 },
      );
    });

    test("are known again by their keys", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ worker, size: 1 });
      const count = countRuns.with({ idempotencyKey: "k" });

      assert.deepEqual([await count("a"), await count("a")], [1, 1]);
      await assert.rejects(count("b"), { code: "ERR_MERINO_BAD_PAYLOAD" });
      assert.equal(await countRuns("a"), 2);
    });
  });
}
