/**
 * What does Merino cost beside what people use instead? Its workers as processes, threads and over the network; the pools
 * of threads and processes, Moleculer and plain gRPC; a bare socket, a bare port and bare shared memory, which nothing
 * that calls something can be faster than. All in one run: every row is measured in rounds, in which the contenders take
 * turns, each time another one first, so that nobody always runs on the warm, or on the throttled, machine.
 *
 * Run with `npm run bench`, options `-- --quick --rows name,name --json --markdown --write --check`. With `--against REF`
 * it compares the working tree with another commit; see `against/compare.ts`.
 */
import { CALLS } from "./against/calls.ts";
import { compareWithCommit } from "./against/compare.ts";
import { openBareProcesses } from "./contenders/bare-processes.ts";
import type { Contender } from "./contenders/contender.ts";
import { openGrpcDispatch } from "./contenders/grpc-dispatch.ts";
import { openMerino, openMerinoThreads } from "./contenders/merino.ts";
import { openMerinoNetwork } from "./contenders/merino-network.ts";
import { openMessagePort } from "./contenders/message-port.ts";
import { openMoleculer } from "./contenders/moleculer.ts";
import { openPiscina } from "./contenders/piscina.ts";
import { openSharedMemory } from "./contenders/shared-memory.ts";
import { openSocket } from "./contenders/socket.ts";
import { openTinypool, openTinypoolThreads } from "./contenders/tinypool.ts";
import { openWorkerpool, openWorkerpoolThreads } from "./contenders/workerpool.ts";
import { BODIES } from "./rows/bodies.ts";
import { ECHO } from "./rows/echo.ts";
import { HEAP_GROWTH } from "./rows/heap-growth.ts";
import { IN_FLIGHT } from "./rows/in-flight.ts";
import { NESTED } from "./rows/nested.ts";
import { ONE_AT_A_TIME } from "./rows/one-at-a-time.ts";
import { PACED } from "./rows/paced.ts";
import type { Row } from "./rows/row.ts";
import { START_UP } from "./rows/start-up.ts";
import { STREAMING } from "./rows/streaming.ts";
import { UNEVEN } from "./rows/uneven.ts";
import { BenchmarkError } from "./support/benchmark-error.ts";
import { cpuTimeUs, descendants } from "./support/cpu-time.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { median, medianRatio } from "./support/statistics.ts";
import type { Table } from "./support/table.ts";
import { type Series, targets } from "./targets.ts";

const OPENERS: readonly (() => Promise<Contender | undefined>)[] = [
  openMerino,
  openMerinoThreads,
  openMerinoNetwork,
  openPiscina,
  openTinypoolThreads,
  openTinypool,
  openWorkerpoolThreads,
  openWorkerpool,
  openMoleculer,
  openGrpcDispatch,
  openSocket,
  openMessagePort,
  openSharedMemory,
  openBareProcesses,
];
const ROWS: readonly Row[] = [
  ONE_AT_A_TIME,
  ...IN_FLIGHT,
  ...PACED,
  ...ECHO,
  ...STREAMING,
  NESTED,
  ...BODIES,
  UNEVEN,
  START_UP,
  HEAP_GROWTH,
];
/** Whom the ratios in the tables are to. */
const BASELINE = "piscina";

/** Warmed up is how long at most: what the engine has not compiled yet would be measured otherwise. */
const FULL = { sliceMs: 250, rounds: 7, warmUpMs: 3_000, warmUpCalls: 20_000 };
const QUICK = { sliceMs: 20, rounds: 3, warmUpMs: 1_500, warmUpCalls: 5_000 };
const WARM_UP_IN_FLIGHT = 100;

/** A contender, and the processes that are its own. */
interface Entrant {
  readonly contender: Contender;
  readonly pids: ReadonlySet<number>;
}

async function measure({ quick, rows: wanted = [] }: BenchmarkOptions): Promise<BenchmarkResult> {
  const { sliceMs, rounds, warmUpMs, warmUpCalls } = quick ? QUICK : FULL;
  const rows = ROWS.filter(
    ({ name }) => wanted.length === 0 || wanted.some((part) => name === part || name.startsWith(`${part}-`)),
  );
  if (rows.length === 0) {
    throw new BenchmarkError(
      `No row is called '${wanted}', nor begins with that; there are ${ROWS.map(({ name }) => name).join(", ")}`,
    );
  }
  const entrants: Entrant[] = [];
  try {
    for (const open of OPENERS) {
      const before = descendants();
      const contender = await open();
      if (contender === undefined) {
        note(
          `${open.name.replace("open", "")} is left out; to install it: npm install --prefix benchmarks/jobs`,
        );
        continue;
      }
      entrants.push({ contender, pids: new Set([...descendants()].filter((pid) => !before.has(pid))) });
    }
    note("warming up");
    for (const { contender } of entrants) {
      const { add } = contender;
      if (add !== undefined) await warmUp(() => add(1, 2), warmUpCalls, warmUpMs);
    }
    const measured = new Map<string, Series>();
    for (const row of rows) {
      note(row.title);
      const [full, fast] = row.rounds ?? [rounds, rounds];
      measured.set(row.name, await measureRow(row, entrants, sliceMs, quick ? fast : full));
    }
    return {
      data: {
        sliceMs,
        contenders: Object.fromEntries(entrants.map(({ contender: { id, name } }) => [id, name])),
        rows: Object.fromEntries([...measured].map(([name, series]) => [name, Object.fromEntries(series)])),
      },
      tables: rows.map((row) => tableOf(row, measured.get(row.name) ?? new Map(), entrants)),
      targets: targets(measured, { quick }),
    };
  } finally {
    await Promise.all(entrants.map(({ contender }) => contender.close()));
  }
}

async function warmUp(call: () => Promise<unknown>, count: number, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs;
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0 && performance.now() < end) await call();
  };
  await Promise.all(Array.from({ length: WARM_UP_IN_FLIGHT }, lane));
}

/** The first round is to warm up, except where there is one only. */
async function measureRow(
  row: Row,
  entrants: readonly Entrant[],
  ms: number,
  rounds: number,
): Promise<Series> {
  const series = new Map<string, Record<string, number[]>>();
  for (let round = rounds === 1 ? 0 : -1; round < rounds; round++) {
    for (let turn = 0; turn < entrants.length; turn++) {
      const { contender, pids } = entrants[(turn + round + 1) % entrants.length] as Entrant;
      const figures = await row.measure(contender, { ms, cpuUs: () => cpuTimeUs(pids) });
      if (figures === undefined || round < 0) continue;
      const mine = series.get(contender.id) ?? {};
      for (const [key, figure] of Object.entries(figures)) mine[key] = [...(mine[key] ?? []), figure];
      series.set(contender.id, mine);
    }
  }
  return series;
}

function tableOf({ title, figures }: Row, series: Series, entrants: readonly Entrant[]): Table {
  const baseline = series.get(BASELINE);
  return {
    title,
    head: ["", ...figures.flatMap(({ head }) => [head, "×"])],
    rows: entrants.flatMap(({ contender: { id, name } }) => {
      const mine = series.get(id);
      if (mine === undefined) return [];
      return [
        [
          name,
          ...figures.flatMap(({ key, digits = 0 }) => {
            const [values, theirs] = [mine[key], baseline?.[key]];
            if (values === undefined) return ["", ""];
            return [
              range(values, digits),
              theirs === undefined ? "" : medianRatio(values, theirs).toFixed(2),
            ];
          }),
        ],
      ];
    }),
  };
}

/** The median, and the lowest and highest. */
function range(values: readonly number[], digits: number): string {
  const text = (value: number) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (values.length === 1) return text(median(values));
  return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
}

await runBenchmark("bench", measure, (options) => compareWithCommit(CALLS, options));
