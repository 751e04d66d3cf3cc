/**
 * How much longer does a suite of unit tests take when what it tests are routines, in a pool without workers? Fifty
 * tests of a small service, each suite in a Node of its own, alternating with the same suite over the bare functions.
 *
 * Run with `node scripts/build.mjs && node --import tsx benchmarks/unit-tests.ts`, options `--quick --json --check`.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { median } from "./support/statistics.ts";
import { atMost } from "./support/target.ts";

const SUITE = fileURLToPath(new URL("probes/unit-tests/suite.mjs", import.meta.url));
const TESTS = 50;

/** Milliseconds from the start of Node to its end. */
async function suiteMs(routines: boolean): Promise<number> {
  const { NODE_OPTIONS: _, NODE_EXTRA_CA_CERTS: __, ...env } = process.env; // as in `support/probe.ts`
  const fromMs = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [SUITE], {
    env: { ...env, ROUTINES: routines ? "1" : "0" },
  });
  const tookMs = performance.now() - fromMs;
  if (!new RegExp(`^# pass ${TESTS}$`, "m").test(stdout)) throw new Error(`The suite has failed:\n${stdout}`);
  return tookMs;
}

async function measureUnitTests({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const rounds = quick ? 5 : 21;
  const bareMs: number[] = [];
  const localMs: number[] = [];
  // One round that is not counted brings the files of both into the page cache.
  for (let round = 0; round <= rounds; round++) {
    note(`unit tests: round ${round} of ${rounds}`);
    const pair = [
      async () => bareMs.push(await suiteMs(false)),
      async () => localMs.push(await suiteMs(true)),
    ];
    for (const run of round % 2 === 0 ? pair : pair.reverse()) await run();
  }
  bareMs.shift();
  localMs.shift();
  const allowedMs = 1.2 * median(bareMs) + 50;
  const row = (name: string, times: readonly number[]) => [
    name,
    ...[Math.min(...times), median(times), Math.max(...times)].map((ms) => ms.toFixed(0)),
  ];
  return {
    data: { rounds, bareMs, localMs },
    tables: [
      {
        title: `A suite of ${TESTS} unit tests (${rounds} rounds), ms`,
        head: ["", "least", "median", "most"],
        rows: [row("bare functions", bareMs), row("routines in a local pool", localMs)],
      },
    ],
    targets: [
      atMost(
        "the suite in a local pool (1.2 × of the bare one, and 50 ms)",
        median(localMs),
        allowedMs,
        "ms",
      ),
    ],
  };
}

await runBenchmark("unit-tests", measureUnitTests);
