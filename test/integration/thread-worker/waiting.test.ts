/** A thread that waits for its next call, held within its turn of the loop, misses nothing; and calls end when it does. */
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { BroadcastChannel } from "node:worker_threads";
import { WorkerLostError, WorkerPool } from "merino";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { AFTERWARDS, afterwards, answer, CHANNEL, hang } from "./fixtures/waiting.ts";

describe("a thread without a call", () => {
  for (const what of AFTERWARDS) {
    test(`sees what it left to happen: ${what}`, async () => {
      await using leaks = leakCheck();
      await using _pool = await WorkerPool.open({ size: 1, worker: "thread" });
      const path = join(leaks.runtimeRoot, what);
      await Promise.all(Array.from({ length: 10 }, () => answer(10, 1)));

      await afterwards(what, path);
      const channel = new BroadcastChannel(CHANNEL);
      try {
        await eventually(() => {
          channel.postMessage("now");
          return existsSync(path);
        });
      } finally {
        channel.close();
      }
      rmSync(path);
    });
  }

  test("ends when it is told to", async () => {
    await using _ = leakCheck();
    const pool = await WorkerPool.open({ size: 2, worker: "thread" });
    await Promise.all(Array.from({ length: 10 }, () => answer(10, 1)));

    await pool.close();
  });
});

/** Resolves when a worker has taken a call of the routine, which then begins at once. */
async function accepted(pool: WorkerPool, name: string): Promise<void> {
  for await (const event of pool.events()) {
    if (event.type === "task" && event.phase === "accepted" && event.routine.endsWith(`#${name}`)) return;
  }
}

describe("calls on a thread that is terminated", () => {
  for (const [size, count] of [
    [10, 300],
    [20_000, 100],
    [300_000, 20],
  ] as const) {
    test(`settle with their value or with its loss, answers of ${size} bytes`, async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ size: 1, worker: "thread", killGrace: 0 });
      const abort = new AbortController();
      const begun = accepted(pool, "hang");
      await answer(size, 0); // its module is imported

      const before = Array.from({ length: count }, (_, number) => answer(size, number));
      const hung = hang
        .with({ pool, signal: abort.signal })()
        .catch((error: unknown) => error);
      const after = Array.from({ length: count }, (_, number) => answer(size, number + count));
      const outcomes = Promise.allSettled([...before, ...after]);
      await begun;
      abort.abort();
      await hung;

      for (const [number, outcome] of (await outcomes).entries()) {
        if (outcome.status === "fulfilled")
          assert.ok(outcome.value.equals(Buffer.alloc(size, number & 0xff)));
        else assert.ok(outcome.reason instanceof WorkerLostError, String(outcome.reason));
      }
      assert.equal((await answer(5, 7)).length, 5);
    });
  }
});
