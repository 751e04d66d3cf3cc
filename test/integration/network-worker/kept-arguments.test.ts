/** That calls which keep what they were given fill no more of a network worker's memory than its budget, beside honest ones. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { WorkerProxy } from "merino";
import { leakCheck } from "../../support/leak-check.ts";
import { residentBytes } from "../../support/resident-bytes.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";
import { add, sizeOf } from "./fixtures/network-routines.ts";
import { startNetworkWorker } from "./workers.ts";

const KEEPER = fileURLToPath(new URL("./fixtures/argument-keeper.ts", import.meta.url));
const KEEP = "merino/test/integration/network-worker/fixtures/network-routines.ts#keep";
const MIB = 1024 * 1024;
const BUDGET_BYTES = 320 * MIB;
const LARGE_BYTES = 40 * MIB;

/** What the arguments consist of, and how many callers send them. */
const KEPT = [
  ["bytes", 1],
  ["bytes", 40],
  ["small views", 1],
  ["empty objects", 1],
] as const;

test("a network worker keeps its memory while calls keep what they were given, and takes a large argument of others", async (t) => {
  await using _leaks = leakCheck();
  for (const [what, callers] of KEPT) {
    await t.test(`${what} of ${callers}`, async (one) => {
      process.env.MERINO_MAX_HELD_BYTES = String(BUDGET_BYTES);
      await using started = await startNetworkWorker();
      delete process.env.MERINO_MAX_HELD_BYTES;
      await using proxy = await WorkerProxy.open({ workers: [started.remote] });
      await add.with({ pool: proxy })(1, 2);
      const { pid } = started.metadata;
      const before = residentBytes(pid);
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const keeper = fork(KEEPER, [started.remote.address, KEEP, what, String(callers)], {
        execArgv: [...TYPESCRIPT_FLAGS],
        env,
      });
      const exited = once(keeper, "exit");
      const [full] = (await Promise.race([once(keeper, "message"), exited])) as [
        { readonly refused: number },
      ];

      const most = [residentBytes(pid)];
      // Of many that have little each, all together may have what one leaves to others.
      const largeBytes = callers > 1 ? 0 : LARGE_BYTES;
      const size = await sizeOf.with({ pool: proxy })(new Uint8Array(largeBytes));
      most.push(residentBytes(pid));
      const sum = await add.with({ pool: proxy })(2, 2);
      keeper.send("end");
      const [code] = await exited;

      const added = Math.max(...most) - before;
      one.diagnostic(`${full.refused} refused; ${(added / 1e6).toFixed(0)} MB more`);
      assert.ok(full.refused > 0, "it was given less than it has room for");
      assert.deepEqual([size, sum, code], [largeBytes, 4, 0]);
      assert.ok(added < 1.25 * BUDGET_BYTES, `it took ${added} bytes more`);
    });
  }
});
