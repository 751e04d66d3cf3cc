/** What a pool asks of the workers that it spawns. None is ever made. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LeastBusyBalancer } from "../../../src/balancer/least-busy-balancer.ts";
import type { Discovery } from "../../../src/discovery/discovery.ts";
import { createDeferred } from "../../../src/internal/deferred.ts";
import { WorkerPool } from "../../../src/pool/worker-pool.ts";
import type { WorkerPoolOptions } from "../../../src/pool/worker-pool-options.ts";
import type { WorkerContext, WorkerFactory } from "../../../src/process/worker.ts";
import { MemoryDiscovery } from "../../support/memory-discovery.ts";

/** Counts how often it is closed. */
class MadeDiscovery extends MemoryDiscovery {
  closed = 0;

  async close(): Promise<void> {
    this.closed += 1;
  }
}

class MadeBalancer extends LeastBusyBalancer {
  closed = 0;

  [Symbol.dispose](): void {
    this.closed += 1;
  }
}

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

test("WorkerPool gives a worker the entries for its record, and its own beside", async () => {
  const { extra } = await askedFor({ extra: { zone: "eu-1" } });

  assert.equal(extra.zone, "eu-1");
  assert.deepEqual(Object.keys(extra).sort(), ["merino.pool", "zone"]);
});

test("WorkerPool tells its quorum, its quorumTimeout, and whether it is in use", async () => {
  const discovery = new MemoryDiscovery();
  const pool = new WorkerPool({
    discovery,
    quorum: 3,
    quorumTimeout: Number.POSITIVE_INFINITY,
    ambient: false,
  });
  const plain = new WorkerPool({ discovery });

  assert.deepEqual([pool.quorum, pool.quorumTimeout], [3, Number.POSITIVE_INFINITY]);
  assert.deepEqual([plain.quorum, plain.quorumTimeout], [1, 60_000]);
  const started = [pool.started];
  await pool.open();
  started.push(pool.started);
  await pool.close();
  started.push(pool.started);
  assert.deepEqual(started, [false, true, false]);
});

test("WorkerPool closes what a function has made when it does not come up", async () => {
  const made = { discovery: new MadeDiscovery(), balancer: new MadeBalancer() };

  await askedFor({ discovery: () => made.discovery, balancer: async () => made.balancer });

  assert.deepEqual([made.discovery.closed, made.balancer.closed], [1, 1]);
});

test("WorkerPool opens no worker where a function that makes a part fails, and rejects with its error", async () => {
  const failure = new Error("no server");
  const discovery = new MadeDiscovery();
  const worker = (): never => assert.fail("a worker was asked for");

  const balancer = (): never => {
    throw failure;
  };
  await assert.rejects(WorkerPool.open({ size: 1, worker, discovery: () => discovery, balancer }), failure);

  assert.equal(discovery.closed, 1);
});

test("WorkerPool that is closed while a part is made refuses to open, and closes the part once it comes", async () => {
  const discovery = new MadeDiscovery();
  const coming = createDeferred<Discovery>();
  const worker = (): never => assert.fail("a worker was asked for");
  const pool = new WorkerPool({ size: 1, worker, discovery: () => coming.promise });
  const opening = pool.open();
  opening.catch(() => {});

  await pool.close();
  coming.resolve(discovery);

  await assert.rejects(opening, { code: "ERR_MERINO_POOL_CLOSED" });
  assert.equal(discovery.closed, 1);
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
