/** One side of one job: `node side.mjs piscina|thread|process ‹job› ‹calls›`. Prints what it took. */
import { Buffer } from "node:buffer";
import console from "node:console";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { INPUTS } from "./inputs.mjs";

const WORKERS = 2;
const IN_FLIGHT = 8;
/** Share of the calls, and how many at least: a worker that has not compiled the job yet takes twice as long for it. */
const WARM_UP = 0.2;
const LEAST_WARM_UP = 32;

const [, , side, job, text] = process.argv;
const calls = Number(text);

async function open() {
  if (side === "piscina") {
    const { Piscina } = await import("piscina");
    const filename = fileURLToPath(new URL("./bodies.mjs", import.meta.url));
    const pool = new Piscina({ filename, minThreads: WORKERS, maxThreads: WORKERS });
    return { call: (input) => pool.run(input, { name: job }), close: () => pool.destroy(), pids: [] };
  }
  const { WorkerPool } = await import("../../dist/index.js");
  const routines = await import("./routines.mjs");
  const pool = await WorkerPool.open({ size: WORKERS, worker: side });
  return { call: routines[job], close: () => pool.close(), pids: pool.workers.map(({ pid }) => pid) };
}

/** Of this process and its workers', in milliseconds, all threads. */
function cpuMs(pids) {
  const { user, system } = process.cpuUsage();
  let ms = (user + system) / 1_000;
  for (const pid of pids.filter((one) => one !== process.pid)) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      ms += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ")[0]) / 1e6;
    }
  }
  return ms;
}

const make = await INPUTS[job]();
const { call, close, pids } = await open();
const hash = createHash("sha256");

async function run(count, results) {
  let next = 0;
  const lane = async () => {
    for (let number = next++; number < count; number = next++) results[number] = await call(make(number));
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

await run(Math.max(LEAST_WARM_UP, Math.ceil(calls * WARM_UP)), []);
const before = cpuMs(pids);
const start = performance.now();
const results = [];
await run(calls, results);
const wallMs = performance.now() - start;
const figures = { wallMs, cpuMs: cpuMs(pids) - before };
for (const result of results) {
  hash.update(
    typeof result === "object" && !ArrayBuffer.isView(result) ? JSON.stringify(result) : Buffer.from(result),
  );
}
await close();
console.log(JSON.stringify({ ...figures, sha256: hash.digest("hex") }));
