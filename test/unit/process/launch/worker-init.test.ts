import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatWorkerInit,
  takeWorkerInit,
  WORKER_INIT_VARIABLE,
  type WorkerInit,
} from "../../../../src/process/launch/worker-init.ts";

const init: WorkerInit = {
  uid: "w-1",
  socketPath: "/run/ü/w-1.sock",
  tags: ["a", "b"],
  extra: { zone: "x\ny" },
  entry: "file:///app/main.ts",
  cwd: "/app",
  importTimeoutMs: 30_000,
  options: { maxConcurrentCalls: 3 },
  modules: ["file:///app/jobs.js"],
};

test("takeWorkerInit reads what formatWorkerInit wrote and removes it from the environment", () => {
  const env: NodeJS.ProcessEnv = { [WORKER_INIT_VARIABLE]: formatWorkerInit(init), OTHER: "kept" };

  assert.deepEqual(takeWorkerInit(env), init);
  assert.deepEqual(env, { OTHER: "kept" });
});

test("takeWorkerInit refuses a process that no pool started", () => {
  assert.throws(() => takeWorkerInit({}), { message: /started by a pool/ });
});
