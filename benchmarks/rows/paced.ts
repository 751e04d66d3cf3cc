/** What calls take that come at a pace, as those of a server do: most of the time, both sides are idle. */
import { setTimeout as pause } from "node:timers/promises";
import { percentile } from "../support/statistics.ts";
import type { Row } from "./row.ts";

const LEAST_CALLS = 20;

export const PACED: readonly Row[] = [100, 1_000, 10_000].map((perSecond) => ({
  name: `paced-${perSecond}`,
  title: `${perSecond.toLocaleString("en-US")} calls a second: add(1, 2)`,
  // A slice of the slowest takes a fifth of a second even in a quick run.
  ...(perSecond === 100 && { rounds: [7, 1] as const }),
  figures: [
    { key: "p50Us", head: "p50 µs" },
    { key: "p99Us", head: "p99 µs" },
    { key: "cpuUs", head: "CPU µs a call" },
  ],
  measure: async ({ add }, { ms, cpuUs }) =>
    add &&
    pace(
      () => add(1, 2),
      perSecond / 1_000,
      Math.max(LEAST_CALLS, Math.round((perSecond * ms) / 1_000)),
      cpuUs,
    ),
}));

async function pace(call: () => Promise<unknown>, perMs: number, count: number, cpuUs: () => number) {
  const timesUs: number[] = [];
  const before = cpuUs();
  const calls: Promise<void>[] = [];
  const one = async (): Promise<void> => {
    const start = performance.now();
    await call();
    timesUs.push((performance.now() - start) * 1_000);
  };
  const start = performance.now();
  while (calls.length < count) {
    const due = Math.min(count, Math.floor((performance.now() - start) * perMs));
    while (calls.length < due) calls.push(one());
    await pause(Math.max(1, 1 / perMs));
  }
  await Promise.all(calls);
  return {
    p50Us: percentile(timesUs, 0.5),
    p99Us: percentile(timesUs, 0.99),
    cpuUs: (cpuUs() - before) / count,
  };
}
