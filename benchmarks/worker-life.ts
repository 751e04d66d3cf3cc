/**
 * Does anybody notice that workers are replaced, and that there are more and fewer of them? Three questions, each with
 * processes and with threads: a routine that leaks a mebibyte with every call, in a pool that recycles by memory; calls
 * in a pool that recycles after every fifty; and a load that goes from one call at a time to a hundred and back, in a pool of
 * none to eight workers.
 *
 * Run with `node --import tsx benchmarks/worker-life.ts`, once built; options `--quick --json --check`.
 */
import type { BenchmarkOptions } from "./support/options.ts";
import { runProbe } from "./support/probe.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { atMost, type Target } from "./support/target.ts";

interface Leak {
  readonly failed: number;
  readonly recycled: number;
  readonly mostAtOnce: number;
  readonly peakMib: number;
  readonly p99: number;
  readonly p99Without: number;
}

interface Calls {
  readonly failed: number;
  readonly recycled: number;
  readonly mostAtOnce: number;
}

interface Steps {
  readonly startUpMs: number;
  readonly failed: number;
  readonly lost: number;
  readonly p95Settled: number;
  readonly reversals: number;
  readonly sizeAtEnd: number;
  readonly sizes: string;
}

const KINDS = ["process", "thread"] as const;
const TARGET_WAIT_MS = 250;

async function measureWorkerLife({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const targets: Target[] = [];
  const rows: string[][] = [];
  const data: Record<string, unknown> = {};
  for (const kind of KINDS) {
    note(`worker life: each worker a ${kind}`);
    const probe = <T>(what: string, amount: number): Promise<T> =>
      runProbe<T>("worker-life.mjs", { args: [what, kind, String(amount)] });
    const leak = await probe<Leak>("leak", quick ? 1_000 : 10_000);
    const calls = await probe<Calls>("calls", quick ? 1_000 : 10_000);
    const steps = await probe<Steps>("steps", quick ? 4_000 : 10_000);
    data[kind] = { leak, calls, steps };
    const ratio = leak.p99 / leak.p99Without;
    rows.push(
      [
        `leak, ${kind}`,
        `${leak.failed}`,
        `${leak.recycled}`,
        `p99 × ${ratio.toFixed(2)}, at most ${leak.peakMib} MiB`,
      ],
      [
        `every 50 calls, ${kind}`,
        `${calls.failed}`,
        `${calls.recycled}`,
        `at most ${calls.mostAtOnce} at once`,
      ],
      [
        `1, 100, 1, ${kind}`,
        `${steps.failed}`,
        "",
        `p95 wait ${steps.p95Settled.toFixed(0)} ms; ${steps.sizes}`,
      ],
    );
    targets.push(
      atMost(`failed calls, ${kind}`, leak.failed + calls.failed + steps.failed + steps.lost, 0, "calls"),
      atMost(`p99 beside that without recycling, ${kind}`, ratio, 1.2, "×"),
      atMost(`replaced at once of four, ${kind}`, calls.mostAtOnce, 2, "workers"),
      atMost(`p95 wait two start-up times after the step, ${kind}`, steps.p95Settled, TARGET_WAIT_MS, "ms"),
      atMost(`reversals, ${kind}`, steps.reversals, 1, "times"),
      atMost(`workers after the idle time, ${kind}`, steps.sizeAtEnd, 0, "workers"),
    );
  }
  return {
    data,
    tables: [{ title: "The life of workers", head: ["load", "failed", "recycled", ""], rows }],
    targets,
  };
}

await runBenchmark("worker-life", measureWorkerLife);
