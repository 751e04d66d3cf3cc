/** What a pool asks of the workers that it spawns. None is ever made. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkerPool } from "../../../src/pool/worker-pool.ts";
import type { WorkerPoolOptions } from "../../../src/pool/worker-pool-options.ts";
import type { WorkerContext, WorkerFactory } from "../../../src/process/worker.ts";

/** Opens a pool of one whose factory makes nothing, and gives what it was asked for. */
async function askedFor(options: WorkerPoolOptions): Promise<WorkerContext> {
  const contexts: WorkerContext[] = [];
  const worker: WorkerFactory = (context) => {
    contexts.push(context);
    throw new Error("no workers today");
  };
  await assert.rejects(WorkerPool.open({ ...options, size: 1, worker }), AggregateError);
  const [context] = contexts;
  assert.ok(context);
  assert.equal(contexts.length, 1);
  return context;
}

test("WorkerPool gives a worker its quorumTimeout to start", async () => {
  assert.equal((await askedFor({ quorumTimeout: 1_234 })).startTimeoutMs, 1_234);
  assert.equal((await askedFor({})).startTimeoutMs, 60_000);
});

test("WorkerPool gives a worker the pool's tags, and the pool's id to tell it by", async () => {
  const pools = await Promise.all([askedFor({ tags: ["gpu"] }), askedFor({})]);

  assert.deepEqual(
    pools.map(({ tags }) => tags),
    [["gpu"], []],
  );
  assert.equal(new Set(pools.map(({ extra }) => JSON.stringify(extra))).size, 2);
  assert.equal(new Set(pools.map(({ uid }) => uid)).size, 2);
});
