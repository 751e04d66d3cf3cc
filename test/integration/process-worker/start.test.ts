/** How a worker process starts, and ways in which it may not, beyond the contract of workers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { useWorkers } from "./workers.ts";

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

test("ProcessWorker.start explains an environment that is too large for the system", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ extra: { mode: "obedient", blob: "x".repeat(8 << 20) } });

  await assert.rejects(worker.start(), { code: "ERR_MERINO_WORKER_START", message: /too large/ });

  assert.equal(worker.pid, undefined);
  assert.deepEqual(await worker.exited, { exitCode: undefined, signal: undefined, stderr: "" });
});
