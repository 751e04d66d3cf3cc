import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveProcessWorkerOptions } from "../../../src/process/process-worker-options.ts";

test("resolveProcessWorkerOptions fills in defaults", () => {
  assert.deepEqual(resolveProcessWorkerOptions(), {
    execArgv: [],
    env: {},
    startTimeoutMs: undefined,
    importTimeoutMs: 30_000,
    channel: {},
    maxHeldBytes: undefined,
    network: undefined,
    modules: [],
    accept: undefined,
    resources: undefined,
    maxReservationMs: undefined,
    access: {},
    trust: undefined,
  });
});

test("resolveProcessWorkerOptions has a build travel in the environment, where it wins", () => {
  const env = { MERINO_BUILD: "a", MODE: "x" };

  assert.deepEqual(resolveProcessWorkerOptions({ env, build: "b" }).env, { MERINO_BUILD: "b", MODE: "x" });
  assert.deepEqual(resolveProcessWorkerOptions({ env }).env, env);
  for (const build of ["", "a\nb", "x".repeat(257), 1, null]) {
    assert.throws(() => resolveProcessWorkerOptions({ build } as { build: string }), {
      code: "ERR_MERINO_INVALID_OPTION",
      option: "build",
    });
  }
});

test("resolveProcessWorkerOptions takes everything over into an object of its own", () => {
  const execArgv = ["--expose-gc"];
  const env = { A: "1", B: undefined };

  const resolved = resolveProcessWorkerOptions({
    execArgv,
    env,
    startTimeout: 5,
    importTimeout: 6,
    maxConcurrentCalls: 7,
    maxMessageSize: 8,
    maxHeldBytes: 24,
    host: "[::1]",
    port: 9,
    advertise: "worker.internal",
    health: "[::1]:10",
    modules: ["/srv/jobs.js"],
    accept: new URL("file:///srv/accept.js"),
    allow: { "jobs/*": ["spiffe://farm/api"] },
    rules: "/srv/rules.js",
    stopAllow: ["*.ops.example"],
  });
  execArgv.push("--later");

  assert.deepEqual(resolved, {
    execArgv: ["--expose-gc"],
    env: { A: "1", B: undefined },
    startTimeoutMs: 5,
    importTimeoutMs: 6,
    channel: { maxConcurrentCalls: 7, maxMessageSize: 8 },
    maxHeldBytes: 24,
    network: { host: "::1", port: 9, advertise: "worker.internal", health: "[::1]:10", insecure: false },
    modules: ["file:///srv/jobs.js"],
    accept: "file:///srv/accept.js",
    resources: undefined,
    maxReservationMs: undefined,
    access: {
      allow: [{ routine: "jobs/*", allow: ["spiffe://farm/api"] }],
      rules: "file:///srv/rules.js",
      stopAllow: ["*.ops.example"],
    },
    trust: undefined,
  });
});

test("resolveProcessWorkerOptions takes Infinity for durations without a limit", () => {
  const none = Number.POSITIVE_INFINITY;

  const { startTimeoutMs, importTimeoutMs, channel } = resolveProcessWorkerOptions({
    startTimeout: none,
    importTimeout: none,
    keepaliveTime: none,
    keepaliveTimeout: none,
  });

  assert.deepEqual([startTimeoutMs, importTimeoutMs], [none, none]);
  // On the wire it has to be a number; this is the one that gRPC takes for never.
  assert.deepEqual(channel, { keepaliveTime: 2 ** 31 - 1, keepaliveTimeout: 2 ** 31 - 1 });
});

const REFUSED: readonly (readonly [string, unknown])[] = [
  ["execArgv", "--expose-gc"],
  ["port", 80],
  ["advertise", "worker.internal"],
  ["insecure", true],
  ["host", "127.0.0.1:80"],
  ["modules", "jobs.js"],
  ["accept", "https://example.com/accept.js"],
  ["execArgv", [1]],
  ["execArgv", ["a\0b"]],
  ["env", null],
  ["env", ["A=1"]],
  ["env", { A: 1 }],
  ["env", { "A=B": "1" }],
  ["startTimeout", 0],
  ["startTimeout", -1],
  ["startTimeout", Number.NaN],
  ["startTimeout", 2 ** 31],
  ["importTimeout", "30"],
  ["importTimeout", Number.NEGATIVE_INFINITY],
  ["keepaliveTime", 0],
  ["keepaliveTime", 0.5],
  // A timer would take it for a millisecond.
  ["keepaliveTime", 2 ** 31],
  ["keepaliveTimeout", "1"],
  ["maxConcurrentCalls", 0],
  ["maxConcurrentCalls", 1.5],
  ["maxConcurrentCalls", null],
  ["maxMessageSize", -1],
  ["maxHeldBytes", 1_000],
  ["maxHeldBytes", Number.POSITIVE_INFINITY],
];

for (const [option, value] of REFUSED) {
  test(`resolveProcessWorkerOptions refuses ${option}: ${JSON.stringify(value) ?? String(value)}`, () => {
    assert.throws(() => resolveProcessWorkerOptions({ [option]: value }), {
      code: "ERR_MERINO_INVALID_OPTION",
      option,
      value,
    });
  });
}
