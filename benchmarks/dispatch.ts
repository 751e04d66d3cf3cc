/**
 * What does a call cost? Merino through sockets and over its network protocol, the two thread and process
 * pools people use, plain gRPC, and a bare socket, in the same run: time of one call at a time, calls per
 * second with 100 in flight, and the wall time of an uneven CPU-bound job. Rounds are interleaved and start
 * with another contender each time, so that nobody always runs on the warm, or on the throttled, machine.
 *
 * Run with `npm run bench`, options `-- --quick --json --check`. With `--against REF` it compares the
 * working tree with another commit; see `against/compare.ts`.
 */
import { CALLS } from "./against/calls.ts";
import { compareWithCommit } from "./against/compare.ts";
import type { Contender } from "./contenders/contender.ts";
import { WORKERS } from "./contenders/contender.ts";
import { openEcho } from "./contenders/echo.ts";
import { openGrpcDispatch } from "./contenders/grpc-dispatch.ts";
import { openMerino } from "./contenders/merino.ts";
import { openMerinoNetwork } from "./contenders/merino-network.ts";
import { openPiscina } from "./contenders/piscina.ts";
import { openTinypool } from "./contenders/tinypool.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { median, medianRatio, percentile, seededRandom } from "./support/statistics.ts";
import { atLeast, atMost } from "./support/target.ts";

const CONTENDERS = [
  openMerino,
  openMerinoNetwork,
  openPiscina,
  openTinypool,
  openGrpcDispatch,
  openEcho,
] as const;
const IN_FLIGHT = 100;
const SLICES = 4;
const LONGEST_MS = 200;
const SEED = 2026;

/** How much is measured. Calls are per contender and round. */
interface Effort {
  readonly rounds: number;
  readonly singleCalls: number;
  readonly parallelCalls: number;
  readonly unevenRounds: number;
  readonly unevenCalls: number;
}

const FULL: Effort = {
  rounds: 7,
  singleCalls: 2_000,
  parallelCalls: 30_000,
  unevenRounds: 3,
  unevenCalls: 400,
};
const QUICK: Effort = {
  rounds: 3,
  singleCalls: 500,
  parallelCalls: 5_000,
  unevenRounds: 1,
  unevenCalls: 100,
};

/** One contender's figures, an entry per round. */
interface Series {
  readonly p50Us: number[];
  readonly p99Us: number[];
  readonly callsPerSecond: number[];
  readonly unevenMs: number[];
}

async function measureDispatch({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const effort = quick ? QUICK : FULL;
  const durations = unevenDurations(effort.unevenCalls);
  const contenders: Contender[] = [];
  try {
    for (const open of CONTENDERS) contenders.push(await open());
    const series = new Map<Contender, Series>();
    for (const contender of contenders) {
      series.set(contender, { p50Us: [], p99Us: [], callsPerSecond: [], unevenMs: [] });
      await callInParallel(contender, parallelCalls(contender, effort) / 2);
      await callOneByOne(contender, effort.singleCalls / 2);
    }
    for (let round = 0; round < effort.rounds; round++) {
      note(`calls: round ${round + 1} of ${effort.rounds}`);
      await measureSingleCalls(rotate([...series], round), effort.singleCalls);
      for (const [contender, figures] of rotate([...series], round)) {
        figures.callsPerSecond.push(await callInParallel(contender, parallelCalls(contender, effort)));
      }
    }
    for (let round = 0; round < effort.unevenRounds; round++) {
      note(`uneven job: round ${round + 1} of ${effort.unevenRounds}`);
      for (const [contender, figures] of rotate([...series], round)) {
        if (contender.busy) figures.unevenMs.push(await runUnevenJob(contender.busy, durations));
      }
    }
    return summarize(series, durations, effort);
  } finally {
    await Promise.all(contenders.map((contender) => contender.close()));
  }
}

/**
 * Measures one round of single calls, in slices that take turns: waking a sleeping process costs 15 or
 * 100 µs depending on what else the processors have just been doing, and all must meet the same mixture.
 * A slice begins with caches full of another contender's code; it is long enough, 500 calls, for the median to
 * be that of calls that follow one another.
 */
async function measureSingleCalls(series: readonly [Contender, Series][], count: number): Promise<void> {
  const perContender = series.map(([contender, figures]) => ({
    contender,
    figures,
    timesUs: [] as number[],
  }));
  for (let slice = 0; slice < SLICES; slice++) {
    for (const { contender, timesUs } of perContender) {
      timesUs.push(...(await callOneByOne(contender, count / SLICES)));
    }
  }
  for (const { figures, timesUs } of perContender) {
    figures.p50Us.push(percentile(timesUs, 0.5));
    figures.p99Us.push(percentile(timesUs, 0.99));
  }
}

/** @returns Microseconds of each call. */
async function callOneByOne(contender: Contender, count: number): Promise<Float64Array> {
  const timesUs = new Float64Array(count);
  for (let call = 0; call < count; call++) {
    const start = performance.now();
    await contender.add(1, 2);
    timesUs[call] = (performance.now() - start) * 1_000;
  }
  return timesUs;
}

/** @returns Calls per second. */
async function callInParallel(contender: Contender, count: number): Promise<number> {
  let left = count;
  const lane = async () => {
    while (left-- > 0) await contender.add(1, 2);
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  return (count / (performance.now() - start)) * 1_000;
}

function parallelCalls({ slow = false }: Contender, effort: Effort): number {
  return slow ? effort.parallelCalls / 10 : effort.parallelCalls;
}

/** @returns Milliseconds until the last call is done, all having been made at once. */
async function runUnevenJob(
  busy: (durationMs: number) => Promise<unknown>,
  durations: readonly number[],
): Promise<number> {
  const start = performance.now();
  await Promise.all(durations.map((durationMs) => busy(durationMs)));
  return performance.now() - start;
}

/** Many short jobs and a few long ones: the logarithm of the duration is uniform from 1 to 200 ms. */
function unevenDurations(count: number): readonly number[] {
  const random = seededRandom(SEED);
  return Array.from({ length: count }, () => LONGEST_MS ** random());
}

function rotate<T>(items: readonly T[], by: number): readonly T[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

function summarize(
  series: ReadonlyMap<Contender, Series>,
  durations: readonly number[],
  effort: Effort,
): BenchmarkResult {
  const find = (id: Contender["id"]): Series => {
    for (const [contender, figures] of series) if (contender.id === id) return figures;
    throw new Error(`"${id}" was not measured`);
  };
  const merino = find("merino");
  const piscina = find("piscina");
  const ratios = (figures: Series) => ({
    p50: medianRatio(figures.p50Us, piscina.p50Us),
    p99: medianRatio(figures.p99Us, piscina.p99Us),
    callsPerSecond: medianRatio(figures.callsPerSecond, piscina.callsPerSecond),
    ...(figures.unevenMs.length > 0 && { uneven: medianRatio(figures.unevenMs, piscina.unevenMs) }),
  });
  const results = [...series].map(([{ name }, figures]) => ({
    name,
    p50Us: median(figures.p50Us),
    p99Us: median(figures.p99Us),
    callsPerSecond: median(figures.callsPerSecond),
    ...(figures.unevenMs.length > 0 && { unevenMs: median(figures.unevenMs) }),
    ratioToPiscina: ratios(figures),
    rounds: figures,
  }));
  const idealMs = durations.reduce((sum, durationMs) => sum + durationMs, 0) / WORKERS;
  const times = (ratio: number) => `${ratio.toFixed(2)}×`;
  const { p50, callsPerSecond, uneven } = ratios(merino);
  const network = find("merino-network");
  const perCall = find("grpc-dispatch");
  return {
    data: { workers: WORKERS, inFlight: IN_FLIGHT, effort, seed: SEED, unevenIdealMs: idealMs, results },
    tables: [
      {
        title: `One call at a time, and ${IN_FLIGHT} in flight (medians of ${effort.rounds} rounds; × = ratio to piscina)`,
        head: ["add(1, 2)", "p50 µs", "×", "p99 µs", "×", "calls/s", "×"],
        rows: results.map((result) => [
          result.name,
          result.p50Us.toFixed(1),
          times(result.ratioToPiscina.p50),
          result.p99Us.toFixed(0),
          times(result.ratioToPiscina.p99),
          Math.round(result.callsPerSecond).toLocaleString("en-US"),
          times(result.ratioToPiscina.callsPerSecond),
        ]),
      },
      {
        title: `${durations.length} CPU-bound calls of 1 to ${LONGEST_MS} ms at once on ${WORKERS} workers (ideal: ${idealMs.toFixed(0)} ms)`,
        head: ["uneven job", "ms", "×"],
        rows: results.flatMap(({ name, unevenMs, ratioToPiscina }) =>
          unevenMs === undefined
            ? []
            : [[name, unevenMs.toFixed(0), times(ratioToPiscina.uneven ?? Number.NaN)]],
        ),
      },
    ],
    targets: [
      atMost("p50 of one call, ratio to piscina", p50, 1.2, "×"),
      atLeast("calls per second, ratio to piscina", callsPerSecond, 3, "×"),
      atMost("uneven job, ratio to piscina", uneven ?? Number.NaN, 1.1, "×"),
      atMost("p50 over gRPC, ratio to one call each", medianRatio(network.p50Us, perCall.p50Us), 0.25, "×"),
      atLeast(
        "calls per second over gRPC, ratio to one call each",
        medianRatio(network.callsPerSecond, perCall.callsPerSecond),
        15,
        "×",
      ),
      atLeast("calls per second over gRPC, ratio to piscina", ratios(network).callsPerSecond, 1.2, "×"),
    ],
  };
}

await runBenchmark("dispatch", measureDispatch, (options) => compareWithCommit(CALLS, options));
