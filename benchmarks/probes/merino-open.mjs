/** The start of a pool of two: from `open()` to the first result. */
import { WorkerPool } from "merino";
import { add } from "./jobs.mjs";
import { residentBytes, settle, totalBytes } from "./resident-bytes.mjs";

const [, , worker = "process"] = process.argv;
const start = performance.now();
const pool = await WorkerPool.open({ size: 2, worker });
const openMs = performance.now() - start;
await add(1, 2);
const readyMs = performance.now() - start;

await Promise.all([add(1, 2), add(3, 4), add(5, 6), add(7, 8)]); // Every worker has now run something.
await settle();
console.log(
  JSON.stringify({
    openMs,
    readyMs,
    totalBytes: await totalBytes(pool.workers.map(({ pid }) => pid)),
    // Both have run the call; the larger one, so that a worker the balancer left out cannot flatter the figure.
    residentBytes: Math.max(...(await Promise.all(pool.workers.map(({ pid }) => residentBytes(pid))))),
  }),
);
await pool.close();
