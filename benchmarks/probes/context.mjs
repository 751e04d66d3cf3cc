/**
 * A caller and its worker that are measured for as long as the parent asks: each message is a number of calls, each
 * answer what they have taken. The argument says what the program has of context variables; see `context.ts`.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";
import { WorkerPool } from "merino";
import { add, cpuTime } from "./jobs.mjs";

const IN_FLIGHT = 100;

const [, , mode] = process.argv;
const pool = await WorkerPool.open({ size: 1 });
const variables = mode === "none" || mode === "store" ? undefined : await import("./context-jobs.mjs");
const call = mode === "read" ? variables.addInContext : add;

async function measure(calls) {
  const before = [process.cpuUsage(), await cpuTime()];
  let left = calls;
  const lane = async () => {
    while (left-- > 0) await call(left, 1);
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(before[0]);
  const workerUs = ((await cpuTime()) - before[1]) * 1_000;
  return {
    callerUs: (user + system) / calls,
    workerUs: workerUs / calls,
    callsPerSecond: (calls / elapsedMs) * 1_000,
  };
}

/** As a server does with what belongs to a request. */
function inContext(fn) {
  if (mode === "store") return new AsyncLocalStorage().run("acme", fn);
  if (mode !== "three" && mode !== "read") return fn();
  const { tenant, request, locale } = variables;
  return tenant.run("acme", () => request.run("3f1c9ad0-77b2", () => locale.run("de-CH", fn)));
}

process.on("message", (calls) => {
  inContext(() => measure(calls)).then((figures) => process.send(figures));
});
process.once("disconnect", () => pool.close());
process.send("ready");
