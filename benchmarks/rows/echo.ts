/** What values cost there and back, one at a time. */
import { MIB, sampleValues } from "../support/sample-values.ts";
import { percentile } from "../support/statistics.ts";
import type { Row } from "./row.ts";

export const ECHO: readonly Row[] = sampleValues().map(({ kind, size, name, value, bytes }) => ({
  name: kind === "rows" ? "echo-rows" : `echo-${kind.toLowerCase()}-${size / 1_024}k`,
  title: `${name}, there and back`,
  ...(size > MIB && { rounds: [7, 1] as const }),
  figures: [{ key: "us", head: "µs" }],
  async measure({ echo }, { ms }) {
    if (echo === undefined) return undefined;
    const timesUs: number[] = [];
    const end = performance.now() + ms;
    do {
      const start = performance.now();
      await echo(value, bytes);
      timesUs.push((performance.now() - start) * 1_000);
    } while (performance.now() < end);
    return { us: percentile(timesUs, 0.5) };
  },
}));
