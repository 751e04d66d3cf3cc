/**
 * Does anything pile up? A million calls, 100 in flight; the heaps of the caller and of both workers,
 * after a collection, may not have grown between the first tenth and the end by more than noise.
 *
 * Run with `npm run bench:memory`, options `-- --quick --json --check`. With `--against REF` it compares the
 * working tree with another commit; see `against/compare.ts`.
 */
import { compareWithCommit } from "./against/compare.ts";
import { MEMORY } from "./against/memory.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { runProbe } from "./support/probe.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { atMost } from "./support/target.ts";

/** Heap bytes by pid, and of the caller. */
type Heaps = Readonly<Record<string, number>>;

async function measureMemory({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const calls = quick ? 100_000 : 1_000_000;
  note(`memory: ${calls.toLocaleString("en-US")} calls`);
  const { early, late, seconds } = await runProbe<{ early: Heaps; late: Heaps; seconds: number }>(
    "heap-growth.mjs",
    { nodeOptions: ["--expose-gc"], args: [String(calls)] },
  );
  const rows = Object.keys(late).map((process) => {
    const before = (early[process] ?? Number.NaN) / 1e6;
    const after = (late[process] ?? Number.NaN) / 1e6;
    return { process, before, after, growth: after - before };
  });
  return {
    data: { calls, seconds, heapMegabytes: rows },
    tables: [
      {
        title: `Heap after a collection, MB, ${calls.toLocaleString("en-US")} calls in ${seconds.toFixed(1)} s`,
        head: ["process", "after a tenth", "at the end", "growth"],
        rows: rows.map(({ process, before, after, growth }) => [
          process === "caller" ? process : `worker ${process}`,
          before.toFixed(2),
          after.toFixed(2),
          growth.toFixed(2),
        ]),
      },
    ],
    targets: [atMost("largest growth", Math.max(...rows.map(({ growth }) => growth)), 10, "MB")],
  };
}

await runBenchmark("memory", measureMemory, (options) => compareWithCommit(MEMORY, options));
