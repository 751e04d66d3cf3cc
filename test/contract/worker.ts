/** What every kind of worker must show to whoever has started it. Run by a few lines per kind, with the library as it is built. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import type { ProcessWorkerOptions, Worker, WorkerContext, WorkerExit, WorkerFactory } from "merino";
import { keepAlive, letExit } from "../../src/internal/keep-alive.ts";
import { eventually } from "../support/eventually.ts";
import { keepAliveCount } from "../support/keep-alive-count.ts";

/** Options that all kinds take. */
type CommonOptions = Pick<
  ProcessWorkerOptions,
  "execArgv" | "env" | "startTimeout" | "importTimeout" | "maxConcurrentCalls" | "maxMessageSize" | "modules"
>;

/** One kind of worker. */
export interface WorkerKind {
  /** What the tests call it. */
  readonly name: string;
  /** Of the kind; `programUrl` is the module that its workers run. */
  factory(options: CommonOptions & { readonly programUrl: URL }): WorkerFactory;
  /** How an end by force is told. */
  readonly forced: Pick<WorkerExit, "exitCode" | "signal">;
}

/** What a test says about the worker it wants. */
interface Wish extends CommonOptions {
  /** Read by the stand-in; `mode` is what it does. */
  readonly extra?: Readonly<Record<string, string>>;
  readonly context?: Partial<WorkerContext>;
}

const STAND_IN_WORKER = new URL(
  "../integration/process-worker/fixtures/stand-in-worker.mjs",
  import.meta.url,
);

/** Registers the tests. */
export function workerContract(kind: WorkerKind): void {
  const { name, forced } = kind;
  let created = 0;

  /** Collects workers; when it is disposed, they are ended if need be, and everything must be as it was before. */
  function useWorkers(): AsyncDisposable & { create(wish?: Wish): Worker } {
    const workers: Worker[] = [];
    const before = holdings();
    return {
      create(wish: Wish = {}) {
        const { extra = {}, context = {}, ...options } = wish;
        created += 1;
        const uid = `w-${process.pid}-${created}`;
        const worker = kind.factory({ ...options, programUrl: STAND_IN_WORKER })({
          uid,
          socketPath: `/nowhere/${uid}`,
          tags: ["t"],
          extra,
          startTimeoutMs: 20_000,
          entry: undefined,
          ...context,
        });
        workers.push(worker);
        return worker;
      },
      async [Symbol.asyncDispose]() {
        await Promise.all(workers.map((worker) => worker.stop({ killAfter: 0 })));
        // Fewer is fine: the loader of the test's own modules closes files late.
        await eventually(
          () => Object.entries(holdings()).every(([held, count]) => count <= (before[held] ?? 0)),
          { what: `no more is held than before: ${JSON.stringify(before)}` },
        );
      },
    };
  }

  test(`${name} starts and resolves with the description that the worker gives of itself`, async () => {
    await using workers = useWorkers();
    const worker = workers.create({ maxConcurrentCalls: 3, maxMessageSize: 4_096 });
    assert.equal(worker.pid, undefined);

    const metadata = await worker.start();

    assert.equal(metadata.uid, worker.uid);
    assert.equal(metadata.pid, worker.pid);
    assert.equal(metadata.address, `unix:/nowhere/${worker.uid}`);
    assert.deepEqual(metadata.tags, ["t"]);
    assert.deepEqual(metadata.options, { maxConcurrentCalls: 3, maxMessageSize: 4_096 });
  });

  test(`${name} tells the worker what it is to be`, async () => {
    await using workers = useWorkers();
    const worker = workers.create({
      importTimeout: 1_234,
      maxMessageSize: 4_096,
      modules: ["file:///app/setup.mjs"],
      context: { entry: "file:///app/main.ts", tags: ["a", "b"] },
    });

    const { extra } = await worker.start();

    const { cwd: _, ...init } = JSON.parse(extra.init ?? "");
    assert.deepEqual(init, {
      uid: worker.uid,
      socketPath: `/nowhere/${worker.uid}`,
      tags: ["a", "b"],
      extra: {},
      entry: "file:///app/main.ts",
      importTimeoutMs: 1_234,
      options: { maxMessageSize: 4_096 },
      modules: ["file:///app/setup.mjs"],
    });
  });

  test(`${name} hands on arguments`, async () => {
    await using workers = useWorkers();
    const program = { execArgv: [], argv: ["node", "main.js", "one", "two"], env: {}, cwd: process.cwd() };
    const worker = workers.create({ context: { program } });

    const { extra } = await worker.start();

    assert.deepEqual(JSON.parse(extra.argv ?? ""), ["one", "two"]);
  });

  test(`${name}.start shares one start among its callers`, async () => {
    await using workers = useWorkers();
    const worker = workers.create();

    const [first, second] = await Promise.all([worker.start(), worker.start()]);

    assert.equal(first, second);
  });

  test(`${name}.start rejects as soon as the worker exits, with its code and output`, async () => {
    await using workers = useWorkers();
    const worker = workers.create({ extra: { mode: "exits", code: "42", text: "the reason" } });

    await assert.rejects(worker.start(), {
      code: "ERR_MERINO_WORKER_START",
      exitCode: 42,
      signal: undefined,
      stderr: "the reason\n",
    });

    assert.deepEqual(await worker.exited, { exitCode: 42, signal: undefined, stderr: "the reason\n" });
  });

  test(`${name}.start rejects with the trace of an error that the worker did not catch`, async () => {
    await using workers = useWorkers();
    const worker = workers.create({ extra: { mode: "throws", text: "not my day" } });

    await assert.rejects(worker.start(), (error: { readonly exitCode: number; readonly stderr: string }) => {
      assert.equal(error.exitCode, 1);
      assert.match(error.stderr, /Error: not my day/);
      assert.match(error.stderr, /stand-in-worker\.mjs/);
      return true;
    });
  });

  test(`${name}.start explains a top-level await that never settles`, async () => {
    await using workers = useWorkers();

    await assert.rejects(workers.create({ extra: { mode: "stuck" } }).start(), {
      exitCode: 13,
      message: /top-level await/,
    });
  });

  test(`${name}.start explains an option that Node refuses`, async () => {
    await using workers = useWorkers();

    await assert.rejects(workers.create({ execArgv: ["--no-such-option"] }).start(), {
      code: "ERR_MERINO_WORKER_START",
      message: /execArgv/,
    });
  });

  test(`${name}.start rejects with the worker's own account of its failure`, async () => {
    await using workers = useWorkers();
    const worker = workers.create({ extra: { mode: "fails", text: "and more" } });

    await assert.rejects(worker.start(), {
      exitCode: 1,
      stderr: "and more\n",
      message: /no leg to stand on/,
    });
  });

  test(`${name}.start ends a worker that reported its failure and stays`, async () => {
    await using workers = useWorkers();
    const worker = workers.create({ extra: { mode: "failsAndStays" } });

    await assert.rejects(worker.start(), { code: "ERR_MERINO_WORKER_START", message: /no leg to stand on/ });

    assert.ok(await settled(worker.exited));
  });

  test(`${name}.start rejects when its time is over, and the worker has gone`, async () => {
    await using workers = useWorkers();
    // Long enough to have loaded all: Node leaves open what a thread that is ended meanwhile was about to open.
    const worker = workers.create({ extra: { mode: "silent" }, startTimeout: 2_500 });

    await assert.rejects(worker.start(), { code: "ERR_MERINO_WORKER_START", message: /within 2500 ms/ });

    assert.ok(worker.pid);
    assert.ok(await settled(worker.exited));
  });

  test(`${name}.start rejects when its time is over although the worker is busy`, async () => {
    await using workers = useWorkers();
    const worker = workers.create({ extra: { mode: "busyAtOnce" }, startTimeout: 700 });

    await assert.rejects(worker.start(), { code: "ERR_MERINO_WORKER_START", message: /within 700 ms/ });

    assert.ok(await settled(worker.exited));
  });

  test(`${name}.start rejects after a stop, without having started anything`, async () => {
    await using workers = useWorkers();
    const worker = workers.create();

    await worker.stop({ killAfter: 1_000 });

    await assert.rejects(worker.start(), { code: "ERR_MERINO_WORKER_START" });
    assert.equal(worker.pid, undefined);
  });

  test(`${name}.start rejects when the worker is stopped meanwhile, early or late`, async () => {
    await using workers = useWorkers();
    const [early, late] = [workers.create(), workers.create({ extra: { mode: "silent" } })];

    const earlyStart = assert.rejects(early.start(), { code: "ERR_MERINO_WORKER_START" });
    const earlyExit = early.stop({ killAfter: 5_000 });
    const lateStart = assert.rejects(late.start(), { code: "ERR_MERINO_WORKER_START" });
    while (late.pid === undefined) await new Promise((resolve) => setImmediate(resolve));
    const lateExit = late.stop({ killAfter: 5_000 });

    await Promise.all([earlyStart, earlyExit, lateStart, lateExit]);
    assert.equal(early.pid, undefined);
  });

  test(`${name}.stop asks first, and a willing worker exits by itself`, async () => {
    await using workers = useWorkers();
    const worker = workers.create();
    await worker.start();

    const exit = await worker.stop({ killAfter: 10_000 });

    assert.deepEqual(exit, { exitCode: 0, signal: undefined, stderr: "" });
  });

  for (const [mode, killAfter] of [
    ["deaf", 50],
    ["busy", 50],
    ["obedient", 0],
  ] as const) {
    test(`${name}.stop ends a worker that is ${mode} by force when it may take ${killAfter} ms`, async () => {
      await using workers = useWorkers();
      const worker = workers.create({ extra: { mode } });
      await worker.start();

      const { exitCode, signal } = await worker.stop({ killAfter });

      assert.deepEqual({ exitCode, signal }, forced);
    });
  }

  test(`${name}.stop shares one end among its callers, and the most impatient sets the pace`, async () => {
    await using workers = useWorkers();
    const worker = workers.create({ extra: { mode: "deaf" } });
    await worker.start();

    const patient = worker.stop({ killAfter: 60_000 });
    const impatient = worker.stop({ killAfter: 0 });

    assert.equal(patient, impatient);
    assert.equal((await patient).signal, forced.signal);
    assert.deepEqual(await worker.exited, await patient);
  });

  test(`${name} takes stop and notify at any moment of its end`, async () => {
    await using workers = useWorkers();
    const worker = workers.create();
    await worker.start();

    const exit = worker.stop({ killAfter: 0 });
    for (let turn = 0; turn < 50; turn++) {
      worker.notify({ type: "merino:drain" });
      await new Promise((resolve) => setImmediate(resolve));
    }

    const { exitCode, signal } = await exit;
    assert.deepEqual({ exitCode, signal }, forced);
    worker.notify({ type: "merino:drain" });
    assert.deepEqual(await worker.stop({ killAfter: 0 }), await exit);
  });

  test(`${name} passes messages both ways and ignores those that are not Merino's`, async () => {
    await using workers = useWorkers();
    const worker = workers.create({ extra: { mode: "chatty" } });
    const heard: unknown[] = [];
    const drained = new Promise<void>((resolve) => {
      worker.onMessage = (message) => {
        heard.push(message);
        if (message.type === "merino:unresponsive" && message.culprit === "merino:drain") resolve();
      };
    });

    await worker.start();
    worker.notify({ type: "merino:drain" });
    await held(Promise.race([drained, worker.exited]));

    const { uid } = worker;
    assert.deepEqual(heard, [
      { type: "merino:unresponsive", uid, culprit: "hello" },
      { type: "merino:unresponsive", uid, culprit: "merino:drain" },
    ]);
  });
}

/** Waits for something that by itself keeps no process alive. */
async function held<T>(promise: Promise<T>): Promise<T> {
  keepAlive();
  try {
    return await promise;
  } finally {
    letExit();
  }
}

/** Whether a promise has settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const late = Symbol("late");
  return (await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, late))])) !== late;
}

/** What a worker might leave behind in this process: a process has pipes, and a thread the descriptors of its loop. */
function holdings(): Readonly<Record<string, number>> {
  return {
    keptAlive: keepAliveCount(),
    descriptors: process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0,
    threads: process.platform === "linux" ? readdirSync("/proc/self/task").length : 0,
    listeners: process.stdout.listenerCount("error") + process.stderr.listenerCount("error"),
    exitListeners: process.listenerCount("exit") + process.listenerCount("SIGTERM"),
  };
}
