/**
 * A program that calls two workers over the network, one that means well and one that attacks it, and tells what became of
 * the calls to the first. What the other throws it prints, as programs do.
 */
import { setTimeout as pause } from "node:timers/promises";
import { inspect } from "node:util";
import { callback, type WorkerMetadata, WorkerProxy } from "merino";
import { WORKER_ATTACKS } from "../../support/hostile/worker-attacks.ts";
import { ranMs } from "../../support/thread-times.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";
import { add, countdown, echo } from "../network-worker/fixtures/network-routines.ts";

/** Calls to the one that attacks, at a time. */
const CALLS = 8;
const EVERY_MS = 5;
const WARM_CALLS = 200;
/** A program does something with the values that it gets, meanwhile others wait. */
const READS_MS = 2;
const TIMEOUT_MS = 1_000;

const { what, hostile, good, durationMs } = JSON.parse(process.argv[2] ?? "{}") as {
  readonly what: string;
  readonly hostile: string;
  readonly good: WorkerMetadata;
  readonly durationMs: number;
};
const how = WORKER_ATTACKS[what]?.call;
let isOver = false;

async function callOther(pool: WorkerProxy): Promise<void> {
  const options = { pool, timeout: TIMEOUT_MS };
  if (how === "function") {
    await echo.with(options)(1);
    return;
  }
  if (how === "flows") {
    await echo.with(options)([items(), callback((...parameters: unknown[]) => parameters)]);
    return;
  }
  const prefetch = how === "generator" ? 0 : 64;
  for await (const _ of countdown.with({ ...options, prefetch })(3)) {
    if (isOver) return;
    await pause(READS_MS);
  }
}

async function* items(): AsyncGenerator<Buffer> {
  for (let n = 0; n < 1_000_000; n++) yield Buffer.alloc(60_000, n);
}

async function keepCalling(pool: WorkerProxy): Promise<void> {
  while (!isOver) {
    try {
      await callOther(pool);
    } catch (error) {
      console.error("%s", inspect(error));
    }
    await pause(EVERY_MS);
  }
}

await using goodPool = await WorkerProxy.open({ workers: [good] });
await using hostilePool = await WorkerProxy.open({
  workers: [workerMetadata({ uid: "hostile", address: hostile })],
});
const call = add.with({ pool: goodPool });
for (let n = 0; n < WARM_CALLS; n++) await call(1, 2);
process.send?.("ready");
await new Promise((resolve) => process.once("message", resolve));

const others = Array.from({ length: CALLS }, () => keepCalling(hostilePool));
const tookMs: number[] = [];
let failed = 0;
let mostWorkMs = 0;
const untilMs = performance.now() + durationMs;
while (performance.now() < untilMs) {
  const beforeMs = ranMs(process.pid, process.pid);
  const sentMs = performance.now();
  const sum = await call(1, 2).catch(() => undefined);
  if (sum !== 3) failed += 1;
  tookMs.push(performance.now() - sentMs);
  mostWorkMs = Math.max(mostWorkMs, ranMs(process.pid, process.pid) - beforeMs);
  await pause(EVERY_MS);
}
isOver = true;
process.send?.({ tookMs, failed, mostWorkMs });
await Promise.allSettled(others);
process.disconnect?.();
