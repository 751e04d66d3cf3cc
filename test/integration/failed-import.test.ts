/** A module that a worker cannot import, or takes long to: what the callers learn, and what becomes of the worker. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  LocalDiscovery,
  ProcessWorker,
  RoundRobinBalancer,
  type RoutineNotFoundError,
  ThreadWorker,
  WorkerPool,
  type WorkerPoolOptions,
} from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { viaTask } from "./fixtures/nested-unlucky-routines.ts";
import { add, awaitFile, home } from "./fixtures/pool-routines.ts";
import {
  collectEvents,
  type Effects,
  ofType,
  rejection,
  useEffects,
  WORKER_KINDS,
} from "./fixtures/pool-support.ts";
import { quick } from "./fixtures/slow-routines.ts";
import { early, late } from "./fixtures/unlucky-routines.ts";

const UNLUCKY = fileURLToPath(new URL("./fixtures/unlucky-routines.ts", import.meta.url));
const FAILING_LINE = readFileSync(UNLUCKY, "utf8").split("throw new")[0]?.split("\n").length;

/** Asserts that a call has failed with the error of the import as its cause, and that with the place in the module. */
async function assertUnlucky(call: Promise<unknown>): Promise<void> {
  const error = (await rejection(call)) as RoutineNotFoundError;
  assert.equal(error.code, "ERR_MERINO_ROUTINE_NOT_FOUND");
  assert.equal(error.message.match(/Cannot import/g)?.length, 1, error.message);
  assert.ok(error.message.includes("no database"), error.message);
  const { cause } = error;
  assert.ok(cause instanceof TypeError);
  assert.equal(cause.message, "no database");
  assert.ok(cause.stack?.includes(`${UNLUCKY}:${FAILING_LINE}:`), cause.stack);
}

for (const kind of WORKER_KINDS) {
  const maker = kind === "thread" ? ThreadWorker : ProcessWorker;

  function openUnlucky(effects: Effects, options: WorkerPoolOptions = {}): Promise<WorkerPool> {
    const worker = maker.factory({ env: { MERINO_TEST_LUCK: effects.path("luck") } });
    return WorkerPool.open({ size: 1, worker, ...options });
  }

  describe(`a failed import in a ${kind}`, () => {
    for (const [name, routine] of Object.entries({ early, late })) {
      test(`fails a call of '${name}' with its error, and the next call works once its cause is gone`, async () => {
        await using _ = leakCheck();
        using effects = useEffects();
        await using pool = await openUnlucky(effects);
        const { seen } = collectEvents(pool);
        const first = pool.workers[0]?.uid;

        await assertUnlucky(routine());
        writeFileSync(effects.path("luck"), "");
        const value = await routine();

        assert.equal(value, 1);
        // The one that it replaces serves all other routines until then.
        await eventually(async () => (await home()) !== first, { what: "the other worker is called" });
        await eventually(() => ofType(seen, "worker-exited").length > 0, { what: "the worker has ended" });
        assert.equal(pool.stats().restarts, 1);
        assert.deepEqual(
          ofType(seen, "worker-replacing").map(({ attempt, delay }) => ({ attempt, delay })),
          [{ attempt: 1, delay: 0 }],
        );
        assert.deepEqual(
          ofType(seen, "worker-exited").map(({ expected, exitCode }) => ({ expected, exitCode })),
          [{ expected: true, exitCode: 0 }],
        );
      });
    }

    test("is tried again for each call, with pauses, as long as it fails; many calls share one attempt", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using pool = await openUnlucky(effects);
      const { seen } = collectEvents(pool);

      for (let round = 1; round <= 3; round += 1) {
        await Promise.all(Array.from({ length: 50 }, () => assertUnlucky(early())));
      }
      writeFileSync(effects.path("luck"), "");

      assert.equal(await early(), 1);
      const replacements = ofType(seen, "worker-replacing").map(({ attempt, delay }) => [attempt, delay > 0]);
      assert.deepEqual(replacements.slice(0, 3), [
        [1, false],
        [2, true],
        [3, true],
      ]);
    });

    test("leaves the worker to the calls that it has, and to those of other modules, until another is ready", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using pool = await openUnlucky(effects);
      const { seen } = collectEvents(pool);
      const first = pool.workers[0]?.uid;
      const waiting = awaitFile(effects.path("go"), effects.path("log"));
      await eventually(() => effects.lines("log").length === 1);

      await assertUnlucky(early());
      assert.equal(await add(1, 2), 3);
      await eventually(() => pool.workers.some((worker) => worker.uid !== first));
      await eventually(async () => (await home()) !== first);
      assert.deepEqual(ofType(seen, "worker-exited"), []);
      writeFileSync(effects.path("go"), "");

      assert.equal(await waiting, "done");
      await eventually(() => ofType(seen, "worker-exited")[0]?.uid === first, {
        what: "the worker has ended",
      });
    });

    for (const balancer of [undefined, new RoundRobinBalancer()]) {
      test(`on one of several workers is no matter to a call that another can take (${balancer?.constructor.name})`, async () => {
        await using _ = leakCheck();
        using effects = useEffects();
        await using _pool = await openUnlucky(effects, { size: 2, balancer });

        await assertUnlucky(late());
        writeFileSync(effects.path("luck"), "");

        assert.deepEqual(await Promise.all([late(), late(), early()]), [1, 1, 1]);
      });
    }

    test("stays in a worker that is not to be replaced, which goes on refusing", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using pool = await openUnlucky(effects, { respawn: false });
      const first = await home();

      await assertUnlucky(early());
      writeFileSync(effects.path("luck"), "");

      await assertUnlucky(early());
      assert.equal(await home(), first);
      assert.equal(pool.stats().restarts, 0);
    });

    test("of a nested call is told to the pool, which replaces its worker", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using pool = await openUnlucky(effects);

      await assertUnlucky(viaTask());
      writeFileSync(effects.path("luck"), "");

      // Until the other worker is there, this one goes on refusing: a nested call does not wait for it.
      await eventually(async () => (await viaTask().catch(() => undefined)) === 1);
      assert.equal(pool.stats().restarts, 1);
    });

    // Only processes are found by others.
    if (kind === "process") {
      test("in a worker of another pool does not end that, which goes on refusing with its error", async () => {
        await using _ = leakCheck();
        using effects = useEffects();
        const discovery = new LocalDiscovery("failed-import");
        await using farm = await openUnlucky(effects, { lease: 0, discovery, ambient: false });
        await using guest = await WorkerPool.open({ discovery });
        const [first] = farm.workers.map((worker) => worker.uid);

        await assertUnlucky(early());
        writeFileSync(effects.path("luck"), "");

        await assertUnlucky(early());
        assert.equal(await home(), first);
        assert.equal(guest.workers.length, 1);
        assert.equal(farm.stats().restarts, 0);
        // Its own pool replaces it as soon as that finds out.
        await assertUnlucky(early.with({ pool: farm })());
        assert.equal(await early.with({ pool: farm })(), 1);
      });
    }
  });

  describe(`a slow import in a ${kind}`, () => {
    test("that holds the thread counts as a start: calls that time out meanwhile end no worker", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      const worker = maker.factory({ env: { MERINO_TEST_RELEASE: effects.path("release") } });
      await using pool = await WorkerPool.open({ size: 1, worker, killGrace: 100 });
      const { seen } = collectEvents(pool);
      const [first] = pool.workers.map((own) => own.uid);

      // Each takes longer than the worker may leave a question unanswered.
      for (let call = 1; call <= 4; call += 1) {
        assert.equal(((await rejection(quick.with({ timeout: 250 })())) as Error).name, "TimeoutError");
      }
      writeFileSync(effects.path("release"), "");

      assert.equal(await quick(), first);
      assert.equal(pool.stats().restarts, 0);
      assert.deepEqual(ofType(seen, "worker-unresponsive"), []);
    });
  });
}
