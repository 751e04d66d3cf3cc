/** What floods of small frames do to a network worker's other callers: little. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { WorkerProxy } from "merino";
import { leakCheck } from "../../support/leak-check.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";
import { add } from "./fixtures/network-routines.ts";
import { startNetworkWorker } from "./workers.ts";

const FLOODER = fileURLToPath(new URL("./fixtures/flooder.ts", import.meta.url));
const ADD = "merino/test/integration/network-worker/fixtures/network-routines.ts#add";
/** Within this time half of the calls are answered, on a machine that has other work to do. */
const USUAL_MS = 500;

/** Frames to a batch, and of which kind. */
const FLOODS = ["1 of pings", "2000 of tasks", "2000 of resets", "1 of definitions", "500 of empty chunks"];

/** What the program that floods says. */
type FlooderMessage = { readonly begun: string } | { readonly over: string; readonly sentBytes: number };

test("a network worker answers its other callers soon while two sessions flood it with small frames", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  const call = add.with({ pool: proxy });
  await call(1, 2);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const flooder = fork(FLOODER, [started.remote.address, ADD, ...FLOODS], {
    execArgv: [...TYPESCRIPT_FLAGS],
    env,
  });
  const exited = once(flooder, "exit");
  const tookMs = new Map<string, number[]>();
  const sentBytes = new Map<string, number>();
  let current: string | undefined;
  flooder.on("message", (message: FlooderMessage) => {
    current = "begun" in message ? message.begun : undefined;
    if ("over" in message) sentBytes.set(message.over, message.sentBytes);
  });

  while (flooder.exitCode === null && flooder.signalCode === null) {
    const during = current;
    const sentMs = performance.now();
    await call(1, 2);
    if (during === undefined) continue;
    tookMs.set(during, [...(tookMs.get(during) ?? []), performance.now() - sentMs]);
  }

  assert.deepEqual(await exited, [0, null]);
  for (const flood of FLOODS) {
    assert.ok((sentBytes.get(flood) ?? 0) > 1_000, `only ${sentBytes.get(flood)} bytes of ${flood}`);
    const sorted = (tookMs.get(flood) ?? []).sort((a, b) => a - b);
    const middle = sorted[sorted.length >> 1] ?? Number.POSITIVE_INFINITY;
    assert.ok(middle < USUAL_MS, `${flood}: half of the calls took more than ${middle} ms`);
  }
});
