/**
 * What do hedges bring, and what do retries cost when nothing works? On eight workers of which one or another stands
 * still for 100 ms now and then, the same calls without and with hedges; and calls of which all are lost, with
 * the default budget. Time is simulated, and what decides about attempts is the library's own code: see
 * `support/hedging-simulation.ts`. With `--real` it is a pool of eight threads, and real time, which takes minutes: see
 * `support/hedging-pool.ts`.
 *
 * Run with `node --import tsx benchmarks/hedging.ts`, options `--quick --json --check --real`; builds nothing by itself,
 * and `--real` runs what is built.
 */

import process from "node:process";
import { DEFAULT_BUDGET } from "../src/identity/repeat-options.ts";
import type { PoolFigures } from "./support/hedging-pool.ts";
import type { SimulationFigures } from "./support/hedging-simulation.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { percentile } from "./support/statistics.ts";
import { atLeast, atMost } from "./support/target.ts";

const LATENCY_HEAD = ["", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "more calls"];

/** @param more Calls beside the first attempts, in percent. */
function latencyRow(name: string, figures: Parameters<typeof shares>[0], more: number): string[] {
  const { p50, p95, p99, p999 } = shares(figures);
  return [name, ...[p50, p95, p99, p999].map((ms) => ms.toFixed(1)), `${more.toFixed(2)} %`];
}

async function measureHedging({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const { simulate } = await import("./support/hedging-simulation.ts"); // which has the process's time simulated
  const calls = quick ? 40_000 : 400_000;
  note(`${calls} calls each, in simulated time`);
  const rows = {
    "no hedges": await simulate({ calls }),
    'hedge: { after: "p95" }': await simulate({ calls, hedge: { after: "p95" } }),
    "hedge: { after: 12 }": await simulate({ calls, hedge: { after: 12 } }),
  };
  const outage = await simulate({ calls: calls / 10, outageFrom: 0, retry: {}, hedge: { after: 5 } });
  const plain = rows["no hedges"];
  const hedged = rows['hedge: { after: "p95" }'];
  const cut = 1 - tail(hedged) / tail(plain);
  return {
    data: {
      calls,
      rows: Object.fromEntries(
        Object.entries(rows).map(([name, figures]) => [name, { ...shares(figures), extra: figures.extra }]),
      ),
      outage: { failed: outage.failed, extra: outage.extra, throttled: outage.throttled },
    },
    tables: [
      {
        title: "One of eight workers stalls for 100 ms at random",
        head: LATENCY_HEAD,
        rows: Object.entries(rows).map(([name, figures]) =>
          latencyRow(name, figures, (100 * figures.extra) / calls),
        ),
      },
      {
        title: `All of ${outage.failed} calls are lost, with retries and hedges`,
        head: ["", "attempts"],
        rows: [
          ["made beside the first ones", String(outage.extra)],
          ["not made", String(outage.throttled)],
        ],
      },
    ],
    targets: [
      atLeast("p99.9 that hedges take off", 100 * cut, 80, "%"),
      atMost("attempts beside the first of calls that are all lost", outage.extra, DEFAULT_BUDGET.tokens, ""),
      atMost("calls that they add", (100 * hedged.extra) / calls, 5, "%"),
    ],
  };
}

/** A pool of threads in real time. */
async function measureRealPool({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const { measurePool } = await import("./support/hedging-pool.ts"); // which needs what is built
  const [rounds, callsPerRound] = quick ? [2, 1_000] : [10, 2_500];
  note(`${rounds * callsPerRound} calls each, in turn`);
  const rows = await measurePool(
    { "no hedges": false, 'hedge: { after: "p95" }': {}, "hedge: { after: 12 }": { after: 12 } },
    { rounds, callsPerRound },
  );
  const { "no hedges": plain, 'hedge: { after: "p95" }': hedged } = rows;
  if (plain === undefined || hedged === undefined) throw new Error("nothing was measured");
  const extra = ({ extra: more, calls }: PoolFigures): number => (100 * more) / calls;
  return {
    data: {
      rows: Object.fromEntries(
        Object.entries(rows).map(([name, figures]) => [
          name,
          { ...shares(figures), calls: figures.calls, extra: figures.extra },
        ]),
      ),
    },
    tables: [
      {
        title: "Each of eight threads stalls for 100 ms at random",
        head: LATENCY_HEAD,
        rows: Object.entries(rows).map(([name, figures]) => latencyRow(name, figures, extra(figures))),
      },
    ],
    targets: [
      atLeast("p99.9 that hedges take off", 100 * (1 - tail(hedged) / tail(plain)), 80, "%"),
      atMost("calls that they add", extra(hedged), 5, "%"),
    ],
  };
}

function tail({ tookMs }: Pick<SimulationFigures, "tookMs">): number {
  return percentile(tookMs, 0.999);
}

function shares({
  tookMs,
}: Pick<SimulationFigures, "tookMs">): Record<"p50" | "p95" | "p99" | "p999", number> {
  return {
    p50: percentile(tookMs, 0.5),
    p95: percentile(tookMs, 0.95),
    p99: percentile(tookMs, 0.99),
    p999: percentile(tookMs, 0.999),
  };
}

const isReal = process.argv.includes("--real");
process.argv = process.argv.filter((argument) => argument !== "--real"); // the other benchmarks have no such option
await runBenchmark("hedging", isReal ? measureRealPool : measureHedging);
