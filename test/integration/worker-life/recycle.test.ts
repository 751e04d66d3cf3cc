/** Workers that are replaced before they have leaked too much, under load: nobody notices but who asks. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { type PoolEvent, ProcessWorker, ThreadWorker, WorkerPool } from "merino";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { useEnvironment } from "../../support/use-environment.ts";
import { collectEvents, loseWorker, ofType, useEffects, WORKER_KINDS } from "../fixtures/pool-support.ts";
import { doze, leak, resource, whichWorker } from "./fixtures/life-routines.ts";
import { noting } from "./fixtures/noting-routines.ts";

/** Makes so many calls, so many at a time. */
async function load(calls: number, atATime: number, make: (n: number) => Promise<unknown>): Promise<number> {
  let made = 0;
  let failed = 0;
  const one = async (): Promise<void> => {
    while (made < calls) {
      made += 1;
      await make(made).catch(() => {
        failed += 1;
      });
    }
  };
  await Promise.all(Array.from({ length: atATime }, one));
  return failed;
}

/** The largest number of workers that were being replaced at one time. */
function mostAtOnce(events: readonly PoolEvent[]): number {
  const now = new Set<string>();
  let most = 0;
  for (const event of events) {
    if (event.type === "worker-recycling") now.add(event.uid);
    if (event.type === "worker-retired" || event.type === "worker-exited") now.delete(event.uid);
    most = Math.max(most, now.size);
  }
  return most;
}

for (const worker of WORKER_KINDS) {
  describe(`a pool that recycles its workers, each a ${worker}`, () => {
    test("replaces them by calls, one after the other, and no call fails", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ worker, size: 2, recycle: { calls: 50 } });
      const { seen } = collectEvents(pool);
      const first = pool.workers.map(({ uid }) => uid);

      const failed = await load(1_000, 100, () => whichWorker());
      await eventually(
        async () => {
          await whichWorker();
          return pool.stats().recycled >= 4;
        },
        { withinMs: 60_000 },
      );

      const { restarts } = pool.stats();
      assert.deepEqual({ failed, restarts, most: mostAtOnce(seen) }, { failed: 0, restarts: 0, most: 1 });
      for (const uid of first)
        assert.ok(!pool.workers.some((member) => member.uid === uid), "no member any more");
      for (const event of ofType(seen, "worker-recycling")) {
        assert.equal(event.reason, "calls");
        assert.ok(event.value >= 40 && event.value <= 50);
      }
    });

    test("has the modules of the one before imported in a new one, before that gets a call", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      const file = effects.path("imports");
      using environment = useEnvironment();
      environment.set("MERINO_TEST_IMPORTS", file);
      await using pool = await WorkerPool.open({ worker, size: 1, recycle: { calls: 3, jitter: 0 } });
      const first = pool.workers[0]?.uid ?? "";

      for (let call = 0; call < 3; call++) assert.equal(await noting(), first);
      await eventually(() => pool.stats().recycled === 1 && pool.workers.some(({ uid }) => uid !== first));

      const next = pool.workers.find(({ uid }) => uid !== first)?.uid ?? "";
      assert.deepEqual(effects.lines("imports"), [first, next]);
      assert.equal(await noting(), next);
      assert.equal(effects.lines("imports").length, 2);
    });

    test("replaces them by memory", async () => {
      await using _ = leakCheck();
      // A process has some to begin with.
      const memory = (worker === "process" ? 160 : 60) * 2 ** 20;
      await using pool = await WorkerPool.open({ worker, size: 1, recycle: { memory } });
      const { seen } = collectEvents(pool);
      const homes = new Set<unknown>();

      const failed = await load(400, 4, async (n) => homes.add(await leak(n)));
      // Node leaves a file open that a thread was reading when it was ended: none is to be starting at the end.
      await eventually(() => {
        const retired = ofType(seen, "worker-retired").length;
        return retired > 0 && retired === ofType(seen, "worker-recycling").length;
      });

      const [event] = ofType(seen, "worker-recycling");
      assert.deepEqual([failed, event?.reason], [0, "memory"]);
      assert.ok((event?.value ?? 0) >= memory * 0.8);
    });

    test("replaces them by age, without a call", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ worker, size: 1, recycle: { age: 300 } });
      const { seen } = collectEvents(pool);

      await eventually(() => ofType(seen, "worker-retired").length >= 2, { withinMs: 60_000 });

      assert.equal(ofType(seen, "worker-recycling")[0]?.reason, "age");
    });

    test("has calls under way finish on the old worker, and others begin on the new one", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ worker, size: 1, recycle: { calls: 2, jitter: 0 } });
      const { seen } = collectEvents(pool);
      const [old] = pool.workers;
      const stop = new AbortController();
      const long = doze.with({ signal: stop.signal })(60_000);

      assert.equal(await whichWorker(), old?.uid);
      await eventually(() => ofType(seen, "worker-retired").length === 1, { withinMs: 30_000 });

      assert.notEqual(await whichWorker(), old?.uid);
      assert.deepEqual(ofType(seen, "worker-exited"), [], "it has a call");
      stop.abort();
      await assert.rejects(long);
      await eventually(() => ofType(seen, "worker-exited").some(({ uid }) => uid === old?.uid), {
        withinMs: 30_000,
      });
    });

    test("ends calls that take longer than shutdownTimeout on the old worker", async () => {
      await using _ = leakCheck();
      const options = { worker, size: 1, recycle: { calls: 2, jitter: 0 }, shutdownTimeout: 50 } as const;
      await using _pool = await WorkerPool.open(options);
      const long = doze(60_000);

      await whichWorker();

      await assert.rejects(long, { code: "ERR_MERINO_WORKER_LOST" });
    });

    test("keeps the old worker while what is to be warm cannot be made", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      const broken = effects.path("broken");
      const env = { MERINO_TEST_BROKEN: broken };
      const factory = worker === "process" ? ProcessWorker.factory({ env }) : ThreadWorker.factory({ env });
      await using pool = await WorkerPool.open({
        worker: factory,
        size: 1,
        warm: [resource],
        recycle: { calls: 5, jitter: 0 },
      });
      const { seen } = collectEvents(pool);
      const [old] = pool.workers;
      writeFileSync(broken, "");

      await load(5, 1, () => whichWorker());
      await eventually(() => ofType(seen, "worker-failed").length >= 2, { withinMs: 30_000 });
      assert.equal(await whichWorker(), old?.uid);
      assert.deepEqual(pool.explain().recycling, [old?.uid]);
      rmSync(broken);
      await eventually(() => ofType(seen, "worker-retired").length === 1, { withinMs: 30_000 });

      assert.notEqual(await whichWorker(), old?.uid);
      assert.equal(pool.stats().recycled, 1);
    });

    test("goes on when a worker dies that is being replaced, and leaves nothing when it is closed meanwhile", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ worker, size: 1, recycle: { calls: 5, jitter: 0 } });
      const { seen } = collectEvents(pool);
      const [old] = pool.workers;
      await load(5, 1, () => whichWorker());
      await eventually(() => ofType(seen, "worker-recycling").length === 1);

      if (pool.workers.some(({ uid }) => uid === old?.uid)) await loseWorker(pool, old?.uid);
      await eventually(() => ofType(seen, "worker-exited").some(({ uid }) => uid === old?.uid), {
        withinMs: 30_000,
      });
      assert.equal(await load(5, 1, () => whichWorker()), 0);
      await eventually(() => ofType(seen, "worker-recycling").length === 2, { withinMs: 30_000 });
      await pool.close();

      assert.equal(pool.explain().recycling.length, 0);
    });
  });
}
