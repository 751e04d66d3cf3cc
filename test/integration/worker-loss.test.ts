/** Workers that die with calls in their hands: every call settles, none runs twice, the pool recovers. */
// runs early: pauses between workers that die one after the other make it long
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  NoWorkersAvailableError,
  ProcessWorker,
  ThreadWorker,
  WorkerLostError,
  WorkerPool,
  WorkerProxy,
} from "merino";
import { eventually } from "../support/eventually.ts";
import { holdThread } from "../support/hold-thread.ts";
import { leakCheck } from "../support/leak-check.ts";
import {
  abortProcess,
  add,
  addUnless,
  block,
  bytes,
  exhaustMemory,
  exitWith,
  hang,
  home,
  homes,
  mark,
  throwOutside,
} from "./fixtures/pool-routines.ts";
import {
  collectEvents,
  isAlive,
  loseWorker,
  ofType,
  rejection,
  useEffects,
  useWarnings,
  WORKER_KINDS,
} from "./fixtures/pool-support.ts";

/** What a call was lost to. */
async function lossOf(call: Promise<unknown>): Promise<WorkerLostError> {
  const error = await rejection(call);
  assert.ok(error instanceof WorkerLostError, `not a WorkerLostError but ${String(error)}`);
  return error;
}

for (const worker of WORKER_KINDS) {
  describe(`a pool whose workers are lost again and again, each worker a ${worker}`, () => {
    test("settles every call and runs no body twice", async (t) => {
      await using _ = leakCheck({ withinMs: 10_000, endsThreads: worker === "thread" });
      using effects = useEffects();
      const [calls, kills, window] = worker === "process" ? [5_000, 8, 200] : [2_000, 5, 200];
      const log = effects.path("bodies");
      await using pool = await WorkerPool.open({ worker, size: 3 });
      const others: unknown[] = [];
      let [made, values, lost, killed] = [0, 0, 0, 0];
      const caller = async (): Promise<void> => {
        while (made < calls || killed < kills) {
          const id = made++;
          try {
            assert.equal(await mark(log, id, 10 + (id % 20)), id);
            values += 1;
          } catch (error) {
            if (error instanceof WorkerLostError) lost += 1;
            else others.push(error);
          }
        }
      };
      const killer = async (): Promise<void> => {
        const victims = new Set<string>();
        for (; killed < kills; killed += 1) {
          const { uid } = await eventually(
            () => pool.stats().workers.find((one) => one.inFlight >= 20 && !victims.has(one.uid)),
            { withinMs: 30_000, what: "a worker with calls in flight" },
          );
          victims.add(uid);
          await loseWorker(pool, uid);
        }
      };

      await Promise.all([killer(), ...Array.from({ length: window }, caller)]);

      const started = effects.lines("bodies");
      const { redirected, restarts, unsettled } = pool.stats();
      t.diagnostic(
        `${made} calls, ${killed} kills, ${values} values, ${lost} lost, ${started.length} bodies, ${redirected} redirected, ${restarts} restarts`,
      );
      assert.deepEqual(others, []);
      assert.equal(values + lost, made);
      assert.equal(new Set(started).size, started.length, "some body ran twice");
      assert.ok(started.length >= values && started.length <= made);
      assert.ok(lost >= kills, "the kills did not hit calls");
      assert.equal(unsettled, 0);
    });

    test("loses none of the calls that wait for a worker meanwhile", async () => {
      await using _ = leakCheck({ withinMs: 10_000 });
      using effects = useEffects();
      await using pool = await WorkerPool.open({ worker, size: 1 });
      const held = lossOf(hang(effects.path("pid")));
      await eventually(() => effects.lines("pid").length === 1);

      await loseWorker(pool, pool.workers[0]?.uid);
      await held;
      const results = await Promise.all(Array.from({ length: 50 }, (_, n) => add(n, 1)));

      assert.deepEqual(
        results,
        Array.from({ length: 50 }, (_, n) => n + 1),
      );
      assert.equal(pool.stats().restarts, 1);
    });
  });

  describe(`WorkerLostError tells how the worker ended, each worker a ${worker}`, () => {
    test("when a body calls process.exit()", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ worker, size: 1, respawn: false });

      const { worker: lost, code, fault, message, reason } = await lossOf(exitWith(3, "last words"));

      assert.match(message, /code 3/);
      assert.equal(reason, "lost");
      assert.equal(lost.exitCode, 3);
      assert.equal(lost.signal, undefined);
      assert.match(lost.stderr ?? "", /last words/);
      assert.equal(code, "ERR_MERINO_WORKER_LOST");
      assert.equal(fault, "worker");
    });

    test("when a body calls process.exit(0), which nobody has asked for", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ worker, size: 1, respawn: false });

      const { worker: lost, reason } = await lossOf(exitWith(0));

      assert.deepEqual([lost.exitCode, reason], [0, "lost"]);
    });

    test("and nothing is to come, so that later calls fail at once", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ worker, size: 1, respawn: false });
      await lossOf(exitWith(3));
      const startMs = performance.now();

      await assert.rejects(add(1, 2), { code: "ERR_MERINO_NO_WORKERS" });

      assert.ok(performance.now() - startMs < 10_000, "it waited for a worker that cannot come");
    });

    test("when nobody catches an error", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ worker, size: 1, respawn: false });

      const { worker: lost } = await lossOf(throwOutside());

      assert.equal(lost.exitCode, 1);
      assert.match(lost.stderr ?? "", /nobody catches this/);
    });

    test("to every call in flight there, streams included, and to no other", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using pool = await WorkerPool.open({ worker, size: 2, respawn: false });
      const victim = await home();
      const calls = Array.from({ length: 20 }, (_, id) =>
        mark(effects.path("bodies"), id, 1_500).then(
          () => "value",
          (error: unknown) => error,
        ),
      );
      const streams = Array.from({ length: 8 }, () => homes());
      const at = await Promise.all(streams.map(async (stream) => (await stream.next()).value));
      await eventually(() => effects.lines("bodies").length === 20);

      await loseWorker(pool, victim);
      const outcomes = await Promise.all(calls);
      const steps = await Promise.all(
        streams.map((stream) =>
          stream.next().then(
            () => "value",
            (error: unknown) => error,
          ),
        ),
      );

      const lost = outcomes.filter((outcome) => outcome instanceof WorkerLostError);
      assert.ok(lost.length > 0 && lost.length < 20, `${lost.length} of 20 were lost`);
      assert.equal(lost.length + outcomes.filter((outcome) => outcome === "value").length, 20);
      assert.ok(at.includes(victim));
      assert.deepEqual(
        steps.map((step) => step instanceof WorkerLostError),
        at.map((uid) => uid === victim),
      );
      assert.equal(pool.workers.length, 1);
      for (const stream of streams) await stream.return();
    });
  });

  describe(`a body that ends its worker, each worker a ${worker}`, () => {
    test("takes no other call with it: what is finished arrives, what has not started goes to another worker", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ worker, size: 1 });
      for (let n = 0; n < 300; n += 1) await addUnless(n, -1); // it is known to be short

      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => addUnless(n, 6)));

      assert.deepEqual(
        outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : outcome.reason.code)),
        Array.from({ length: 20 }, (_, n) => (n === 6 ? "ERR_MERINO_WORKER_LOST" : n)),
      );
      assert.equal(pool.stats().restarts, 1);
    });

    test("loses no large result that its caller has not read yet", async () => {
      await using _ = leakCheck();
      await using _pool = await WorkerPool.open({ worker, size: 1 });
      await Promise.all([bytes(1), addUnless(0, -1)]);
      const calls = Array.from({ length: 6 }, (_, n) => bytes(300_000 + n));
      const [first] = calls;
      await first;

      const lost = lossOf(addUnless(6, 6));
      await new Promise<void>((resolve) => setImmediate(resolve)); // it leaves
      holdThread(100); // until then nothing is read
      const results = await Promise.all(calls);

      assert.deepEqual(
        results.map((result) => result.length),
        Array.from({ length: 6 }, (_, n) => 300_000 + n),
      );
      assert.equal((await lost).worker.exitCode, 9);
    });
  });

  describe(`a worker that a cancelled body blocks, each worker a ${worker}`, () => {
    test("is replaced; the other calls on it learn who was to blame", async () => {
      await using _ = leakCheck();
      using effects = useEffects();
      await using pool = await WorkerPool.open({ worker, size: 1, killGrace: 300 });
      const { seen } = collectEvents(pool);
      const other = lossOf(mark(effects.path("bodies"), 1, 60_000));
      await eventually(() => effects.lines("bodies").length === 1);
      const controller = new AbortController();
      const culprit = rejection(block.with({ signal: controller.signal })(effects.path("pid")));
      await eventually(() => effects.lines("pid").length === 1);

      const reason = new Error("enough");
      controller.abort(reason);

      assert.equal(await culprit, reason);
      assert.equal((await other).worker.culprit, block.id);
      assert.deepEqual(
        ofType(seen, "worker-unresponsive").map((event) => event.culprit),
        [block.id],
      );
      assert.equal(await add(1, 2), 3);
      assert.equal(pool.stats().restarts, 1);
    });
  });

  describe(`a pool whose worker dies on every call, each worker a ${worker}`, () => {
    test("warns of a crash loop, says so in its events, and goes on", async () => {
      await using _ = leakCheck();
      using warnings = useWarnings("MERINO_CRASH_LOOP");
      await using pool = await WorkerPool.open({ worker, size: 1 });
      const { seen } = collectEvents(pool);

      for (let death = 1; death <= 3; death += 1) await lossOf(exitWith(40 + death));
      const sum = await add(1, 2);

      assert.equal(sum, 3);
      assert.deepEqual(
        ofType(seen, "worker-exited").map(({ exitCode, expected }) => ({ exitCode, expected })),
        [41, 42, 43].map((exitCode) => ({ exitCode, expected: false })),
      );
      assert.deepEqual(
        ofType(seen, "worker-replacing").map(({ attempt }) => attempt),
        [1, 2, 3],
      );
      assert.equal(warnings.seen.length, 1);
      assert.equal(pool.stats().restarts, 3);
    });

    test("never pauses long before the next one: it has come up each time", async () => {
      await using _ = leakCheck();
      using _warnings = useWarnings("MERINO_CRASH_LOOP");
      await using pool = await WorkerPool.open({ worker, size: 1 });
      const { seen } = collectEvents(pool);

      for (let death = 1; death <= 7; death += 1) await lossOf(exitWith(1));

      const delays = ofType(seen, "worker-replacing").map(({ delay }) => delay);
      assert.equal(delays.length, 7);
      assert.ok(Math.max(...delays) <= 2_400, `paused ${delays}`);
    });
  });

  describe(`a pool with respawn: false, each worker a ${worker}`, () => {
    test("keeps to the workers that are left", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ worker, size: 2, respawn: false });
      const { worker: lost } = await lossOf(exitWith(1));

      const left = new Set(await Promise.all(Array.from({ length: 20 }, () => home())));

      assert.equal(left.size, 1);
      assert.equal(left.has(lost.uid), false);
      assert.equal(isAlive(lost.pid ?? 0), worker === "thread"); // whose process is this one
      assert.equal(pool.workers.length, 1);
    });

    test("fails a call at once, or within the quorumTimeout, when none is left", async () => {
      await using _ = leakCheck();
      const maker = worker === "thread" ? ThreadWorker : ProcessWorker;
      await using _pool = await WorkerPool.open({
        size: 1,
        respawn: false,
        worker: maker.factory({ startTimeout: 20_000 }),
        quorumTimeout: 500,
      });
      await lossOf(exitWith(9, "the end"));

      const error = await rejection(add(1, 2));

      assert.ok(error instanceof NoWorkersAvailableError);
      assert.equal((error.cause as { exitCode?: number }).exitCode, 9);
    });
  });
}

describe("WorkerLostError tells how a process ended", () => {
  for (const carrier of ["a socket", "TCP"]) {
    test(`as lost, when it was found and its body ends it, over ${carrier}`, async () => {
      await using _ = leakCheck();
      const modules = [new URL("./fixtures/pool-routines.ts", import.meta.url)];
      const ends = [
        (pool: WorkerProxy) => exitWith.with({ pool })(0),
        (pool: WorkerProxy) => exitWith.with({ pool })(3),
        (pool: WorkerProxy) => throwOutside.with({ pool })(),
      ];
      for (const end of ends) {
        await using worker = await ProcessWorker.open({ host: "127.0.0.1", modules });
        const { socket: _socket, ...remote } = worker.metadata;
        const record = carrier === "TCP" ? remote : worker.metadata;
        await using proxy = await WorkerProxy.open({ workers: [record] });
        await add.with({ pool: proxy })(1, 2);

        assert.equal((await lossOf(end(proxy))).reason, "lost");
      }
    });
  }

  test("when a body aborts the process", async () => {
    await using _ = leakCheck();
    await using _pool = await WorkerPool.open({ size: 1, respawn: false });

    const { worker } = await lossOf(abortProcess());

    assert.equal(worker.signal, "SIGABRT");
  });

  test("when memory runs out", async () => {
    await using _ = leakCheck();
    await using _pool = await WorkerPool.open({
      size: 1,
      respawn: false,
      worker: ProcessWorker.factory({ execArgv: ["--max-old-space-size=32"] }),
    });

    const { worker } = await lossOf(exhaustMemory());

    assert.ok(
      worker.signal === "SIGABRT" || worker.exitCode === 134,
      `ended by ${worker.signal} ${worker.exitCode}`,
    );
    assert.match(worker.stderr ?? "", /heap out of memory/);
  });

  test("when it is killed from outside, also while its thread is blocked", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using pool = await WorkerPool.open({ size: 1, respawn: false });
    const [member] = pool.workers;
    const call = lossOf(block(effects.path("pid")));
    const victim = await eventually(() => Number(effects.lines("pid")[0]));

    const killedMs = performance.now();
    process.kill(victim, "SIGKILL");
    const { worker } = await call;

    assert.ok(performance.now() - killedMs < 5_000);
    assert.equal(worker.signal, "SIGKILL");
    assert.equal(worker.pid, victim);
    assert.equal(worker.uid, member?.uid);
  });
});

describe("a pool whose processes do not come up again", () => {
  test("fails calls that wait longer than the quorumTimeout, with the reason", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    // The first start succeeds; the ones after it find the file and end.
    const worker = ProcessWorker.factory({
      env: { POOL_TEST_STARTED: effects.path("started") },
      execArgv: ["--import", new URL("./fixtures/pool-start-once.mjs", import.meta.url).href],
      startTimeout: 20_000,
    });
    using _warnings = useWarnings("MERINO_CRASH_LOOP");
    const pool = new WorkerPool({ size: 1, worker, quorumTimeout: 2_500 });
    await using _pool = pool;
    await pool.open();
    const { seen } = collectEvents(pool);
    await lossOf(exitWith(3));
    await eventually(() => ofType(seen, "worker-failed").length > 0, { withinMs: 20_000 });

    const waitedMs = performance.now();
    const error = await rejection(add(1, 2));

    assert.ok(error instanceof NoWorkersAvailableError);
    assert.ok(performance.now() - waitedMs < 20_000);
    const { cause } = error;
    assert.ok(cause instanceof Error && "exitCode" in cause && "stderr" in cause);
    assert.equal(cause.exitCode, 17);
    assert.match(String(cause.stderr), /not a second time/);
  });
});
