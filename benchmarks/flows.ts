/**
 * What do iterables, streams and callbacks cost while a call runs? Items that go in and out of a worker at once beside
 * items that only come out, prefetched, all read in slices that take turns; what a body loses that tells of its progress
 * ten thousand times a second; and how far a source has run ahead of a reader that stops.
 *
 * Run with `npm run build && node --import tsx benchmarks/flows.ts`, options `--quick --json --check`.
 */
import { callback, WorkerPool } from "merino";
import {
  calibrate,
  type Loop,
  mapReturned,
  mapYielding,
  progress,
  sum,
  take,
  write,
} from "./functions/flows.ts";
import { items } from "./functions/merino.ts";
import { cpuTimeUs, descendants } from "./support/cpu-time.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { median, medianRatio } from "./support/statistics.ts";
import type { Table } from "./support/table.ts";
import { atLeast, atMost, type Target } from "./support/target.ts";

/** Items that may be sent ahead to a reader that takes them as they come, and as many values of a generator. */
const WINDOW = 256;
/** Of progress, for one measurement of it. */
const STEPS = 10_000;

type Vessel = "process" | "thread";
const VESSELS: readonly Vessel[] = ["process", "thread"];

/** Items on their way, read as fast as they come. */
interface Flow {
  readonly name: string;
  /** Moves so many. */
  move(count: number): Promise<void>;
  end(): Promise<void>;
  readonly perSecond: number[];
  readonly cpuUs: number[];
}

async function* upTo(count: number, counter = { given: 0 }): AsyncGenerator<number, void, void> {
  for (let n = 0; n < count; n++) {
    counter.given = n + 1;
    yield n;
  }
}

/** One stream, of which each slice reads on. */
function reading(name: string, source: AsyncIterable<unknown>): Flow {
  const iterator = source[Symbol.asyncIterator]();
  return {
    name,
    async move(count) {
      for (let n = 0; n < count; n++) await iterator.next();
    },
    async end() {
      await iterator.return?.();
    },
    perSecond: [],
    cpuUs: [],
  };
}

/** A call for each slice. */
function calling(name: string, call: (count: number) => Promise<unknown>): Flow {
  return {
    name,
    async move(count) {
      await call(count);
    },
    async end() {},
    perSecond: [],
    cpuUs: [],
  };
}

async function measureItems(vessel: Vessel, quick: boolean): Promise<readonly [Table, readonly Target[]]> {
  const rounds = quick ? 5 : 20;
  const slice = quick ? 10_000 : 50_000;
  const most = rounds * slice + 2 * slice;
  await using pool = await WorkerPool.open({ size: 1, worker: vessel });
  const options = { pool, prefetch: WINDOW } as const;
  const back = await mapReturned.with({ pool })(upTo(most));
  const oneWay = reading("out, prefetched", items.with(options)(most));
  const flows = [
    oneWay,
    reading("in and out, yielded", mapYielding.with(options)(upTo(most))),
    reading("in and out, returned", back),
    calling("in", (count) => sum.with({ pool })(upTo(count))),
    calling("written", (count) => write.with({ pool })(new WritableStream({ write() {} }), count)),
  ];
  const pids = descendants();
  for (const flow of flows) await flow.move(slice);
  for (let round = 0; round < rounds; round++) {
    note(`${vessel}: items, round ${round + 1} of ${rounds}`);
    for (let at = 0; at < flows.length; at++) {
      const { move, perSecond, cpuUs } = flows[(at + round) % flows.length] as Flow;
      const [startUs, start] = [cpuTimeUs(pids), performance.now()];
      await move(slice);
      perSecond.push((slice / (performance.now() - start)) * 1_000);
      cpuUs.push((cpuTimeUs(pids) - startUs) / slice);
    }
  }
  await Promise.all(flows.map((flow) => flow.end()));
  const table: Table = {
    title: `Items through a ${vessel}, ${(rounds * slice).toLocaleString("en-US")} of each kind in ${rounds} slices (medians)`,
    head: ["", "items/s", "× out", "CPU of both ends, µs"],
    rows: flows.map(({ name, perSecond, cpuUs }) => [
      name,
      Math.round(median(perSecond)).toLocaleString("en-US"),
      medianRatio(perSecond, oneWay.perSecond).toFixed(2),
      median(cpuUs).toFixed(2),
    ]),
  };
  const targets = flows
    .slice(1, 3)
    .map(({ name, perSecond }) =>
      atLeast(`${vessel}: items ${name}, ratio to out`, medianRatio(perSecond, oneWay.perSecond), 0.7, "×"),
    );
  return [table, targets];
}

/** What progress costs the body that tells of it: the same loop with and without, by turns. */
async function measureProgress(vessel: Vessel, quick: boolean): Promise<readonly [Table, Target]> {
  const rounds = quick ? 3 : 15;
  await using pool = await WorkerPool.open({ size: 1, worker: vessel });
  const units = await calibrate.with({ pool })();
  let told = 0;
  const onProgress = callback(() => {
    told += 1;
  });
  const loop = progress.with({ pool });
  await loop(units, STEPS, onProgress);
  const plain: Loop[] = [];
  const telling: Loop[] = [];
  for (let round = 0; round < rounds; round++) {
    note(`${vessel}: progress, round ${round + 1} of ${rounds}`);
    plain.push(await loop(units, STEPS, undefined));
    telling.push(await loop(units, STEPS, onProgress));
  }
  const column = (figure: keyof Loop): readonly [number, number, number] => {
    const silent = plain.map((one) => one[figure]);
    const told = telling.map((one) => one[figure]);
    return [median(silent), median(told), medianRatio(told, silent)];
  };
  const cpu = column("cpuMs");
  const perSecond = told / (rounds + 1) / (column("wallMs")[1] / 1_000);
  return [
    {
      title: `A loop in a ${vessel} that tells of its progress, ${STEPS} times (medians of ${rounds} rounds)`,
      head: ["", "silent, ms", "telling, ms", "ratio"],
      rows: [
        ["by the clock", ...column("wallMs").map((value) => value.toFixed(2))],
        ["processor time of its thread", ...cpu.map((value) => value.toFixed(2))],
        ["told, a second", "", Math.round(perSecond).toLocaleString("en-US"), ""],
      ],
    },
    atMost(`${vessel}: a loop that tells of its progress, ratio to a silent one`, cpu[2], 1.05, "×"),
  ];
}

/** How many items a source has given, beyond those that its reader took before it stopped. */
async function measureAhead(vessel: Vessel): Promise<Target> {
  await using pool = await WorkerPool.open({ size: 1, worker: vessel });
  const ahead: number[] = [];
  for (let round = 0; round < 10; round++) {
    const counter = { given: 0 };
    await take.with({ pool })(upTo(100_000, counter), 1_000);
    ahead.push(counter.given - 1_000);
  }
  return atMost(`${vessel}: items ahead of a reader that has stopped`, Math.max(...ahead), WINDOW, "items");
}

async function measureFlows({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const tables: Table[] = [];
  const targets: Target[] = [];
  for (const vessel of VESSELS) {
    const [throughput, ratios] = await measureItems(vessel, quick);
    const [progressed, cost] = await measureProgress(vessel, quick);
    tables.push(throughput, progressed);
    targets.push(...ratios, cost, await measureAhead(vessel));
  }
  return { data: { tables }, tables, targets };
}

await runBenchmark("flows", measureFlows);
