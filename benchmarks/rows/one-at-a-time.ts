/** What a single call takes, and what it costs all processes. */
import { percentile } from "../support/statistics.ts";
import type { Row } from "./row.ts";

export const ONE_AT_A_TIME: Row = {
  name: "one",
  title: "One call at a time: add(1, 2)",
  figures: [
    { key: "p50Us", head: "p50 µs", digits: 1 },
    { key: "p99Us", head: "p99 µs" },
    { key: "cpuUs", head: "CPU µs a call" },
  ],
  measure: async ({ add }, { ms, cpuUs }) => add && timeCalls(() => add(1, 2), ms, cpuUs),
};

async function timeCalls(call: () => Promise<unknown>, ms: number, cpuUs: () => number) {
  const timesUs: number[] = [];
  const before = cpuUs();
  const end = performance.now() + ms;
  for (let now = performance.now(); now < end; ) {
    await call();
    const then = now;
    now = performance.now();
    timesUs.push((now - then) * 1_000);
  }
  return {
    p50Us: percentile(timesUs, 0.5),
    p99Us: percentile(timesUs, 0.99),
    cpuUs: (cpuUs() - before) / timesUs.length,
  };
}
