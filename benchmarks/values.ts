/**
 * What do values cost on their way to a worker and back? Buffers, texts and rows of several sizes through Merino's
 * processes, beside Piscina's threads and a bare Unix socket, one at a time and in the same run, in slices that take
 * turns. And how long a small call waits while a large argument is on its way on the same connection.
 *
 * Run with `npm run build && node --import tsx benchmarks/values.ts`, options `--quick --json --check`.
 */
import { openBareValues } from "./contenders/bare-values.ts";
import { openMerinoValues } from "./contenders/merino-values.ts";
import { openPiscinaValues } from "./contenders/piscina-values.ts";
import type { ValueContender } from "./contenders/value-contender.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { KIB, MIB, type SampleValue, sampleValues, sizeName } from "./support/sample-values.ts";
import { median, medianRatio, percentile } from "./support/statistics.ts";
import { atLeast, atMost, type Target } from "./support/target.ts";

const LARGE_BYTES = 64 * MIB;

/** How much is measured. */
interface Effort {
  readonly rounds: number;
  /** Bytes, with 50 KB for each call, that a slice sends at most. */
  readonly sliceBytes: number;
  readonly largeCalls: number;
}

const FULL: Effort = { rounds: 15, sliceBytes: 40 * MIB, largeCalls: 12 };
const QUICK: Effort = { rounds: 3, sliceBytes: 16 * MIB, largeCalls: 3 };

/** One value's figures: microseconds for each call, an entry per round, by contender. */
interface Row {
  readonly value: SampleValue;
  readonly times: ReadonlyMap<ValueContender, number[]>;
}

async function measureValues({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const effort = quick ? QUICK : FULL;
  const contenders: ValueContender[] = [];
  try {
    for (const open of [openMerinoValues, openPiscinaValues, openBareValues]) contenders.push(await open());
    const rows: Row[] = [];
    for (const value of sampleValues()) {
      note(value.name);
      rows.push(await measureRow(contenders, value, effort));
    }
    note("a small call beside a large argument");
    const delays = await measureDelay(contenders[0] as ValueContender, effort);
    return summarize(rows, delays, effort);
  } finally {
    await Promise.all(contenders.map((contender) => contender.close()));
  }
}

async function measureRow(
  contenders: readonly ValueContender[],
  value: SampleValue,
  { rounds, sliceBytes }: Effort,
): Promise<Row> {
  const times = new Map(contenders.map((contender) => [contender, [] as number[]]));
  const calls = Math.max(1, Math.round(sliceBytes / (value.bytes.length + 50_000) / 4));
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(turn + round + 1) % contenders.length] as ValueContender;
      const start = performance.now();
      for (let call = 0; call < calls; call++) await contender.echo(value.value, value.bytes);
      const us = ((performance.now() - start) * 1_000) / calls;
      if (round >= 0) times.get(contender)?.push(us); // the first is to warm up
    }
  }
  return { value, times };
}

interface Delays {
  readonly aloneUs: number[];
  readonly besideUs: number[];
}

/** Small calls, one at a time, alone and while large arguments follow one another on the same connection. */
async function measureDelay(contender: ValueContender, { largeCalls }: Effort): Promise<Delays> {
  const delays: Delays = { aloneUs: [], besideUs: [] };
  const bytes = Buffer.alloc(LARGE_BYTES, 7);
  const call = async (into: number[]): Promise<void> => {
    const start = performance.now();
    await contender.add?.(1, 2);
    into.push((performance.now() - start) * 1_000);
  };
  for (let count = 0; count < largeCalls; count++) {
    for (let small = 0; small < 50; small++) await call(delays.aloneUs);
    const large = { over: false };
    const sent = contender.take?.(bytes).then(() => {
      large.over = true;
    });
    while (!large.over) await call(delays.besideUs);
    await sent;
  }
  return delays;
}

function summarize(rows: readonly Row[], delays: Delays, effort: Effort): BenchmarkResult {
  const timesOf = (row: Row, id: ValueContender["id"]): number[] => {
    for (const [contender, times] of row.times) if (contender.id === id) return times;
    throw new Error(`"${id}" was not measured`);
  };
  const find = (kind: SampleValue["kind"], size: number): Row =>
    rows.find(({ value }) => value.kind === kind && value.size === size) as Row;
  const against = (row: Row, id: ValueContender["id"]): number =>
    medianRatio(timesOf(row, id), timesOf(row, "merino"));
  const targets: Target[] = [
    ...([64 * KIB, MIB, 16 * MIB] as const).map((size) =>
      atLeast(
        `Buffer of ${sizeName(size)}, ratio to the bare socket`,
        against(find("Buffer", size), "bare"),
        0.8,
        "×",
      ),
    ),
    ...(["Latin-1", "CJK"] as const).map((kind) =>
      atLeast(
        `1 MiB of ${kind} text, ratio to a Buffer`,
        medianRatio(timesOf(find("Buffer", MIB), "merino"), timesOf(find(kind, MIB), "merino")),
        0.4,
        "×",
      ),
    ),
    atLeast("1 000 rows, ratio to piscina", against(find("rows", 1_000), "piscina"), 1, "×"),
    atMost("a small call beside 64 MiB, median", median(delays.besideUs) / 1_000, 5, "ms"),
  ];
  return {
    data: {
      effort,
      rows: rows.map((row) => ({
        name: row.value.name,
        bytes: row.value.bytes.length,
        rounds: Object.fromEntries([...row.times].map(([{ id }, us]) => [id, us])),
      })),
      delays: { aloneUs: shares(delays.aloneUs), besideUs: shares(delays.besideUs) },
    },
    tables: [
      {
        title: `There and back, one at a time: µs (lowest to highest of ${effort.rounds} rounds); × = how much faster merino is`,
        head: ["value", "merino", "piscina", "×", "bare socket", "×"],
        rows: rows.map((row) => [
          row.value.name,
          range(timesOf(row, "merino")),
          range(timesOf(row, "piscina")),
          `${against(row, "piscina").toFixed(2)}×`,
          range(timesOf(row, "bare")),
          `${against(row, "bare").toFixed(2)}×`,
        ]),
      },
      {
        title: "A small call, µs",
        head: ["", "median", "p90", "calls"],
        rows: [
          ["alone", ...shares(delays.aloneUs), String(delays.aloneUs.length)],
          ["beside 64 MiB", ...shares(delays.besideUs), String(delays.besideUs.length)],
        ],
      },
    ],
    targets,
  };
}

function shares(us: readonly number[]): readonly string[] {
  return [median(us).toFixed(0), percentile(us, 0.9).toFixed(0)];
}

function range(us: readonly number[]): string {
  return `${median(us).toFixed(0)} (${Math.min(...us).toFixed(0)}–${Math.max(...us).toFixed(0)})`;
}

await runBenchmark("values", measureValues);
