/** Tags under a `StickyBalancer`: calls nested in tasks go where the program's own go, whichever worker makes them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalDiscovery, StickyBalancer, WorkerPool } from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { pid, places } from "./fixtures/nested-routines.ts";

const NAMESPACE = `nested-tags-${process.pid}`;
const TAGS = Array.from({ length: 30 }, (_, n) => `customer-${n}`);
const SOON = { withinMs: 30_000, everyMs: 50 };

/** Resolves once so many workers are called, and each of them sends every tag where the program sends it. */
async function agreed(pool: WorkerPool, workers: number): Promise<void> {
  await eventually(async () => {
    if (pool.workers.length !== workers) return false;
    const own = await Promise.all(TAGS.map((tag) => pid.with({ pool, tag })()));
    const nested = await Promise.all(TAGS.map((tag) => places.with({ pool, tag })(TAGS)));
    const [callers, called] = [new Set(nested.map(({ outer }) => outer)), new Set(own)];
    if (callers.size !== workers || called.size !== workers) return false;
    return nested.every(({ inner }) => inner.every((place, at) => place === own[at]));
  }, SOON);
}

test("calls of a tag go to one worker, own or found, from the program and from every worker, also after one has died", async () => {
  await using _leaks = leakCheck();
  const discovery = new LocalDiscovery(NAMESPACE);
  await using farm = await WorkerPool.open({ size: 1, discovery, lease: 0, ambient: false });
  await using pool = await WorkerPool.open({
    size: 2,
    discovery,
    lease: 1,
    lazy: false,
    balancer: new StickyBalancer(),
    ambient: false,
  });
  await agreed(pool, 3);

  const [victim] = pool.workers.filter(({ pid }) => !farm.workers.some((worker) => worker.pid === pid));
  assert.ok(victim !== undefined);
  process.kill(victim.pid, "SIGKILL");
  await eventually(() => !pool.workers.some(({ uid }) => uid === victim.uid), SOON);

  await agreed(pool, 3);
});
