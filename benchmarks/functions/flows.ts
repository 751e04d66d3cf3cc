/** Bodies that read, give and call back while they run, for `flows.ts`. */
import { readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { type Callback, routine } from "merino";
import { work } from "./work.mjs";

async function* mapped(items: AsyncIterable<number>): AsyncGenerator<number, void, void> {
  for await (const item of items) yield item + 1;
}

/** Each item in as an argument, and out as a yield. */
export const mapYielding = routine(mapped);

/** Each item in as an argument, and out of a returned stream. */
export const mapReturned = routine(async function mapReturned(items: AsyncIterable<number>) {
  return mapped(items);
});

/** Adds up the items. */
export const sum = routine(async function sum(items: AsyncIterable<number>) {
  let total = 0;
  for await (const item of items) total += item;
  return total;
});

/** Writes so many numbers. */
export const write = routine(async function write(into: WritableStream<number>, count: number) {
  const writer = into.getWriter();
  for (let n = 0; n < count; n++) {
    await writer.ready;
    void writer.write(n);
  }
  await writer.close();
});

/** Takes so many items, and leaves the loop. */
export const take = routine(async function take(items: AsyncIterable<number>, count: number) {
  let left = count;
  for await (const _item of items) if (--left === 0) break;
});

/** What a loop has taken of its thread: as the clock goes, and as the kernel counts it. */
export interface Loop {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/**
 * Works in steps that take about a tenth of a millisecond, and gives the loop a turn after every tenth.
 *
 * @param onProgress Told of every step; absent: nobody is.
 */
export const progress = routine(async function progress(
  units: number,
  steps: number,
  onProgress: Callback<[step: number]> | undefined,
): Promise<Loop> {
  const cpuMs = threadCpuMs();
  const start = performance.now();
  for (let step = 1; step <= steps; step++) {
    work(units);
    void onProgress?.(step);
    if (step % 10 === 0) await turn();
  }
  return { wallMs: performance.now() - start, cpuMs: threadCpuMs() - cpuMs };
});

/** For how many units the thread works in a tenth of a millisecond. */
export const calibrate = routine(function calibrate(): number {
  let units = 16;
  for (; ; units *= 2) {
    const start = threadCpuMs();
    for (let step = 0; step < 100; step++) work(units);
    const ms = threadCpuMs() - start;
    if (ms > 8) return Math.round((units * 10) / ms);
  }
});

/** Processor time of the thread that asks; not a number where there is no `/proc`. */
function threadCpuMs(): number {
  try {
    return Number(readFileSync("/proc/thread-self/schedstat", "latin1").split(" ")[0]) / 1e6;
  } catch {
    return Number.NaN;
  }
}
