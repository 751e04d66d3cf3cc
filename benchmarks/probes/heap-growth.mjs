/**
 * Makes many calls, `IN_FLIGHT` at a time, and prints what the heaps of the caller and of each worker
 * hold after the first tenth and at the end. Needs `--expose-gc`, which the workers inherit.
 */
import { WorkerPool } from "merino";
import { add, collectHeap } from "./jobs.mjs";

const IN_FLIGHT = 100;
const WORKERS = 2;
const [, , calls, worker = "process"] = process.argv;

const pool = await WorkerPool.open({ size: WORKERS, worker });
const start = performance.now();
await callMany(calls / 10);
const early = await heaps();
await callMany(calls - calls / 10);
const late = await heaps();
const seconds = (performance.now() - start) / 1_000;
await pool.close();
console.log(JSON.stringify({ early, late, seconds }));

async function callMany(count) {
  let left = count;
  const lane = async () => {
    while (left-- > 0) await add(left, 1);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

/** Bytes by worker; asks until every one has answered, the balancer deciding which one gets a call. */
async function heaps() {
  const byWorker = {};
  for (let attempt = 0; Object.keys(byWorker).length < WORKERS; attempt++) {
    if (attempt === 100) throw new Error(`Not all workers were reached, only ${Object.keys(byWorker)}`);
    const answers = await Promise.all(Array.from({ length: WORKERS * 2 }, () => collectHeap()));
    for (const { worker, heapBytes } of answers) byWorker[worker] = heapBytes;
  }
  globalThis.gc();
  globalThis.gc();
  return { ...byWorker, caller: process.memoryUsage().heapUsed };
}
