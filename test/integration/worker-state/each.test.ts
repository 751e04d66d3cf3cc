/** A routine that is run once on every worker of a pool. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type EachResult, LocalDiscovery, ProcessWorker, WorkerPool } from "merino";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { rejection } from "../fixtures/pool-support.ts";
import { answersOn, failsOn, numbers, tenant, untilAborted, whoAmI } from "./fixtures/each-routines.ts";

async function collect<R>(results: AsyncIterable<EachResult<R>>): Promise<EachResult<R>[]> {
  const all: EachResult<R>[] = [];
  for await (const result of results) all.push(result);
  return all;
}

function uidsOf(results: readonly EachResult<unknown>[]): string[] {
  return results.map(({ worker }) => worker.uid).sort();
}

for (const worker of ["process", "thread"] as const) {
  describe(`pool.each over workers in ${worker === "process" ? "processes" : "threads"}`, () => {
    test("runs a routine once on each, with the context variables of its caller", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ size: 3, worker });

      const results = await tenant.run("acme", () => collect(pool.each(whoAmI, "hello")));

      assert.deepEqual(uidsOf(results), pool.workers.map(({ uid }) => uid).sort());
      for (const result of results) {
        assert.equal(result.status === "fulfilled" ? result.value : result.reason, "hello acme");
      }
    });

    test("gives what a body throws as the result of its worker, and goes on", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ size: 2, worker });
      const results = await collect(pool.each(failsOn, pool.workers[0]?.pid ?? 0, "throw"));

      // Threads share their process.
      const failures = results.filter(({ status }) => status === "rejected");
      assert.equal(failures.length, worker === "process" ? 1 : 2);
      for (const failure of failures) {
        assert.ok(failure.status === "rejected" && failure.reason instanceof RangeError);
      }
    });

    test("ends every call with its timeout", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ size: 2, worker });
      await collect(pool.each(whoAmI, "hello")); // by then its module is there

      const results = await collect(pool.each(untilAborted.with({ timeout: 50 })));

      assert.deepEqual(
        results.map((result) => result.status === "rejected" && (result.reason as { code: string }).code),
        ["ERR_MERINO_TIMEOUT", "ERR_MERINO_TIMEOUT"],
      );
    });

    test("ends every call with its signal", async () => {
      await using _ = leakCheck({ endsThreads: worker === "thread" });
      await using pool = await WorkerPool.open({ size: 2, worker });
      const controller = new AbortController();

      const collected = collect(pool.each(untilAborted.with({ signal: controller.signal })));
      await eventually(() => pool.stats().unsettled === 2, { what: "both are called" });
      controller.abort(new Error("enough"));
      const results = await collected;

      assert.deepEqual(
        results.map((result) => result.status === "rejected" && (result.reason as Error).message),
        ["enough", "enough"],
      );
    });
  });
}

describe("pool.each", () => {
  test("tells of a worker that dies as lost, and of the others what they answer", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 2 });
    const victim = pool.workers[0];

    const results = await collect(pool.each(failsOn, victim?.pid ?? 0, "exit"));

    const [lost] = results.filter(({ worker }) => worker.uid === victim?.uid);
    assert.ok(lost?.status === "rejected");
    assert.equal((lost.reason as { code: string }).code, "ERR_MERINO_WORKER_LOST");
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  });

  test("tells of a worker that dies before it has room for the call, which nobody else runs", async () => {
    await using _ = leakCheck();
    const worker = ProcessWorker.factory({ maxConcurrentCalls: 1 });
    await using pool = await WorkerPool.open({ size: 1, worker });
    const [busy] = pool.workers;
    const held = rejection(untilAborted());
    await eventually(() => pool.stats().unsettled === 1, { what: "the worker is busy" });

    const collected = collect(pool.each(whoAmI, "hello"));
    await eventually(() => pool.stats().queued === 1, { what: "the call waits for it" });
    process.kill(busy?.pid ?? 0, "SIGKILL");
    const [result, ...others] = await collected;
    await held;

    assert.deepEqual(others, []);
    assert.equal(result?.worker.uid, busy?.uid);
    assert.ok(result?.status === "rejected");
    assert.equal((result.reason as { code: string }).code, "ERR_MERINO_WORKER_LOST");
  });

  test("reaches the workers that the pool has found, within its lease, and waits for the first", async () => {
    await using _ = leakCheck();
    const discovery = new LocalDiscovery("each-found");
    await using _farm = await WorkerPool.open({ size: 3, lease: 0, discovery, ambient: false });
    await using pool = await WorkerPool.open({ size: 1, lease: 1, discovery, quorum: 2 });

    await whoAmI("first"); // by then both are there
    const results = await collect(pool.each(whoAmI, "hello"));

    assert.equal(results.length, 2);
    assert.equal(new Set(uidsOf(results)).size, 2);

    await using finder = await WorkerPool.open({ discovery, ambient: false });
    assert.notEqual((await collect(finder.each(whoAmI, "hello"))).length, 0);
  });

  test("runs in the program of a pool without workers", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ local: true });

    const [result] = await collect(pool.each(whoAmI, "hello"));

    assert.equal(result?.status === "fulfilled" && result.value, "hello none");
  });

  test("cancels the calls under way when the iteration ends", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 2 });
    const first = pool.workers[0]?.pid ?? 0;

    const results = pool.each(answersOn, first);
    for await (const _first of results) break;

    await eventually(() => pool.stats().unsettled === 0, { what: "no call is under way" });
    const { completed, cancelled } = pool.stats();
    assert.deepEqual([completed, cancelled], [1, 1]);
  });

  test("refuses what it cannot run on each worker, at once", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ local: true });
    const each = pool.each as unknown as (fn: unknown) => unknown;

    for (const fn of [numbers, async () => 1, undefined, whoAmI.with({ timeout: -1 })]) {
      assert.throws(() => each.call(pool, fn), { code: "ERR_MERINO_INVALID_OPTION" });
    }
    await pool.close();
    const error = (await rejection(pool.each(whoAmI, "hello").next())) as { code?: string };
    assert.equal(error.code, "ERR_MERINO_POOL_CLOSED");
  });
});
