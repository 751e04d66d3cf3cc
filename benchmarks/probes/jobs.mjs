/** The routines of the start-up and memory benchmarks, in plain JavaScript so that no loader is measured. */
import { threadId } from "node:worker_threads";
import { routine } from "merino";

export const add = routine(function add(x, y) {
  return x + y;
});

/** What this worker's heap holds once collected; needs `--expose-gc`. */
export const collectHeap = routine(function collectHeap() {
  globalThis.gc();
  globalThis.gc(); // Twice: what the first one finalized is only freed by the second.
  return { worker: `${process.pid}.${threadId}`, heapBytes: process.memoryUsage().heapUsed };
});

/** Processor time of the worker so far, in milliseconds. */
export const cpuTime = routine(function cpuTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
});
