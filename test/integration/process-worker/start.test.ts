/** How a worker process starts, and every way in which it may not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isAlive, useWorkers } from "./workers.ts";

test("ProcessWorker starts a process and resolves with the description that it gives of itself", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ maxConcurrentCalls: 3 });
  assert.equal(worker.pid, undefined);

  const metadata = await worker.start();

  assert.equal(metadata.uid, worker.uid);
  assert.equal(metadata.pid, worker.pid);
  assert.equal(metadata.address, `unix:/nowhere/${worker.uid}`);
  assert.deepEqual(metadata.tags, ["t"]);
  assert.deepEqual(metadata.options, { maxConcurrentCalls: 3 });
});

test("ProcessWorker tells the process what it is to be, out of sight of its children", async () => {
  await using workers = useWorkers();
  const worker = workers.create({
    importTimeout: 1_234,
    maxMessageSize: 4_096,
    context: { entry: "file:///app/main.ts", tags: ["a", "b"] },
  });

  const { extra } = await worker.start();

  assert.deepEqual(JSON.parse(extra.init ?? ""), {
    uid: worker.uid,
    socketPath: `/nowhere/${worker.uid}`,
    tags: ["a", "b"],
    extra: {},
    entry: "file:///app/main.ts",
    cwd: process.cwd(),
    importTimeoutMs: 1_234,
    options: { maxMessageSize: 4_096 },
    modules: [],
  });
  assert.equal(JSON.parse(extra.env ?? "").MERINO_WORKER_INIT, undefined);
});

test("ProcessWorker hands on arguments, and merges environment and Node options", async () => {
  await using workers = useWorkers();
  process.env.MERINO_TEST_KEPT = "kept";
  process.env.MERINO_TEST_TAKEN = "taken";
  const worker = workers.create({
    execArgv: ["--stack-size=900"],
    env: { MERINO_TEST_ADDED: "added", MERINO_TEST_TAKEN: undefined },
  });

  const { extra } = await worker.start();

  const env = JSON.parse(extra.env ?? "");
  assert.equal(env.MERINO_TEST_KEPT, "kept");
  assert.equal(env.MERINO_TEST_ADDED, "added");
  assert.equal("MERINO_TEST_TAKEN" in env, false);
  assert.equal("NODE_TEST_CONTEXT" in env, false);
  assert.deepEqual(JSON.parse(extra.argv ?? ""), process.argv.slice(2));
  assert.ok(JSON.parse(extra.execArgv ?? "").includes("--stack-size=900"));
  delete process.env.MERINO_TEST_KEPT;
  delete process.env.MERINO_TEST_TAKEN;
});

test("ProcessWorker starts the process where the library was loaded, and names the current directory", async () => {
  await using workers = useWorkers();
  const loadedIn = process.cwd();
  process.chdir("/");
  const worker = workers.create();
  process.chdir(loadedIn);

  const { extra } = await worker.start();

  assert.equal(extra.cwd, loadedIn);
  assert.equal(JSON.parse(extra.init ?? "").cwd, "/");
});

test("ProcessWorker.start shares one start among its callers", async () => {
  await using workers = useWorkers();
  const worker = workers.create();

  const [first, second] = await Promise.all([worker.start(), worker.start()]);

  assert.equal(first, second);
});

test("ProcessWorker.start rejects as soon as the process exits, with its code and output", async () => {
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

test("ProcessWorker.start rejects with the trace of an error that the process did not catch", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ extra: { mode: "throws", text: "not my day" } });

  await assert.rejects(worker.start(), (error: { readonly exitCode: number; readonly stderr: string }) => {
    assert.equal(error.exitCode, 1);
    assert.match(error.stderr, /Error: not my day/);
    assert.match(error.stderr, /stand-in-worker\.mjs/);
    return true;
  });
});

test("ProcessWorker.start explains a top-level await that never settles", async () => {
  await using workers = useWorkers();

  await assert.rejects(workers.create({ extra: { mode: "stuck" } }).start(), {
    exitCode: 13,
    message: /top-level await/,
  });
});

test("ProcessWorker.start explains an option that Node refuses", async () => {
  await using workers = useWorkers();

  await assert.rejects(workers.create({ execArgv: ["--no-such-option"] }).start(), {
    exitCode: 9,
    stderr: /no-such-option/,
    message: /execArgv/,
  });
});

test("ProcessWorker.start explains an exhausted heap", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ execArgv: ["--max-old-space-size=16"], extra: { mode: "hoards" } });

  await assert.rejects(worker.start(), { signal: /^SIG(ABRT|TRAP)$/, message: /heap is exhausted/ });
});

test("ProcessWorker.start rejects with the signal that ended the process", async () => {
  await using workers = useWorkers();

  await assert.rejects(workers.create({ extra: { mode: "kills" } }).start(), {
    exitCode: undefined,
    signal: "SIGKILL",
  });
});

test("ProcessWorker.start rejects with the process's own account of its failure", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ extra: { mode: "fails", text: "and more" } });

  await assert.rejects(worker.start(), { exitCode: 1, stderr: "and more\n", message: /no leg to stand on/ });
});

test("ProcessWorker.start ends a process that reported its failure and stays", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ extra: { mode: "failsAndStays" } });

  await assert.rejects(worker.start(), { code: "ERR_MERINO_WORKER_START", message: /no leg to stand on/ });

  assert.equal(isAlive(worker.pid ?? 0), false);
});

test("ProcessWorker.start rejects when its time is over, and the process has gone", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ extra: { mode: "silent" }, startTimeout: 700 });

  await assert.rejects(worker.start(), { code: "ERR_MERINO_WORKER_START", message: /within 700 ms/ });

  assert.ok(worker.pid);
  assert.equal(isAlive(worker.pid), false);
});

test("ProcessWorker.start explains an environment that is too large for the system", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ extra: { mode: "obedient", blob: "x".repeat(8 << 20) } });

  await assert.rejects(worker.start(), { code: "ERR_MERINO_WORKER_START", message: /too large/ });

  assert.equal(worker.pid, undefined);
  assert.deepEqual(await worker.exited, { exitCode: undefined, signal: undefined, stderr: "" });
});

test("ProcessWorker.start rejects after a stop, without a process", async () => {
  await using workers = useWorkers();
  const worker = workers.create();

  await worker.stop({ killAfter: 1_000 });

  await assert.rejects(worker.start(), { code: "ERR_MERINO_WORKER_START" });
  assert.equal(worker.pid, undefined);
});

test("ProcessWorker.start rejects when the worker is stopped meanwhile, before or after the fork", async () => {
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
