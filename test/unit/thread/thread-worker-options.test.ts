import assert from "node:assert/strict";
import { test } from "node:test";
import {
  resolveThreadWorkerOptions,
  type ThreadWorkerOptions,
} from "../../../src/thread/thread-worker-options.ts";

test("resolveThreadWorkerOptions fills in defaults", () => {
  assert.deepEqual(resolveThreadWorkerOptions(), {
    resourceLimits: {},
    execArgv: [],
    env: {},
    name: "merino worker",
    startTimeoutMs: undefined,
    importTimeoutMs: 30_000,
    channel: {},
    trust: undefined,
    modules: [],
    accept: undefined,
    resources: undefined,
    maxReservationMs: undefined,
  });
});

test("resolveThreadWorkerOptions takes everything over into an object of its own", () => {
  const limits = { maxOldGenerationSizeMb: 64, stackSizeMb: undefined };

  const resolved = resolveThreadWorkerOptions({
    resourceLimits: limits,
    execArgv: ["--enable-source-maps"],
    env: { A: "1", B: undefined },
    name: "thumbs",
    startTimeout: 5,
    importTimeout: Number.POSITIVE_INFINITY,
    maxConcurrentCalls: 7,
    maxMessageSize: 8,
    modules: ["/srv/jobs.js"],
    accept: new URL("file:///srv/accept.js"),
  });

  assert.deepEqual(resolved, {
    resourceLimits: { maxOldGenerationSizeMb: 64 },
    execArgv: ["--enable-source-maps"],
    env: { A: "1", B: undefined },
    name: "thumbs",
    startTimeoutMs: 5,
    importTimeoutMs: Number.POSITIVE_INFINITY,
    channel: { maxConcurrentCalls: 7, maxMessageSize: 8 },
    trust: undefined,
    modules: ["file:///srv/jobs.js"],
    accept: "file:///srv/accept.js",
    resources: undefined,
    maxReservationMs: undefined,
  });
});

const REFUSED: readonly (readonly [string, unknown, RegExp])[] = [
  ["execArgv", "--expose-gc", /array of strings/],
  ["env", { A: 1 }, /object of strings/],
  ["name", "", /not empty/],
  ["name", 7, /string/],
  ["startTimeout", 0, /above 0/],
  ["maxConcurrentCalls", 0, /from 1/],
  ["maxMessageSize", 0.5, /from 1/],
  ["resourceLimits", 512, /maxOldGenerationSizeMb/],
  ["modules", "jobs.js", /array/],
  ["host", "127.0.0.1", /ProcessWorker\.factory/],
  ["allow", {}, /ProcessWorker\.factory/],
  ["memory", 512, /one of the options resourceLimits/],
];

for (const [option, value, message] of REFUSED) {
  test(`resolveThreadWorkerOptions refuses ${option}: ${JSON.stringify(value)}`, () => {
    assert.throws(() => resolveThreadWorkerOptions({ [option]: value } as ThreadWorkerOptions), {
      code: "ERR_MERINO_INVALID_OPTION",
      option,
      message,
    });
  });
}

test("resolveThreadWorkerOptions names the limit that it refuses", () => {
  const refused = (limits: object, option: string): void =>
    assert.throws(() => resolveThreadWorkerOptions({ resourceLimits: limits }), {
      code: "ERR_MERINO_INVALID_OPTION",
      option,
    });

  refused({ maxOldGenerationSizeMb: 0 }, "resourceLimits.maxOldGenerationSizeMb");
  refused({ stackSizeMb: Number.NaN }, "resourceLimits.stackSizeMb");
  refused({ heap: 64 }, "resourceLimits.heap");
});
