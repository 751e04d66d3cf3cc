import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatHostInit,
  HOST_INIT_VARIABLE,
  type HostInit,
  takeHostInit,
} from "../../../../src/process/launch/host-init.ts";

const init: HostInit = {
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

test("takeHostInit reads what formatHostInit wrote and removes it from the environment", () => {
  const env: NodeJS.ProcessEnv = { [HOST_INIT_VARIABLE]: formatHostInit(init), OTHER: "kept" };

  assert.deepEqual(takeHostInit(env), init);
  assert.deepEqual(env, { OTHER: "kept" });
});

test("takeHostInit refuses a process that no pool started", () => {
  assert.throws(() => takeHostInit({}), { message: /started by a pool/ });
});
