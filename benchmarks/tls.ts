/**
 * What do credentials cost? Calls to a worker over mutual TLS and in plain text, on loopback, in the same run and by
 * turns: one at a time, many in flight, a megabyte there and back; and the processor time of connecting to many workers.
 *
 * Run with `node --import tsx benchmarks/tls.ts`, once the package is built; options `--quick --json --check`.
 */
import { ProcessWorker, StaticDiscovery, WorkerConnection, WorkerCredentials, WorkerPool } from "merino";
import { createAuthority } from "../test/support/issue-certificate.ts";
import { add, cpuTime, echo, nobodys } from "./functions/merino.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { median, medianRatio, percentile } from "./support/statistics.ts";
import { atLeast, atMost } from "./support/target.ts";

const IN_FLIGHT = 100;
const MEGABYTE = 1024 * 1024;
/** Connections that are made for the handshakes: as to so many workers. */
const HANDSHAKES = 100;

interface Effort {
  readonly rounds: number;
  readonly singleCalls: number;
  readonly parallelCalls: number;
  readonly echoes: number;
}

const FULL: Effort = { rounds: 9, singleCalls: 1_000, parallelCalls: 20_000, echoes: 100 };
const QUICK: Effort = { rounds: 3, singleCalls: 200, parallelCalls: 3_000, echoes: 10 };

/** A worker, and a pool that calls it. */
interface Side {
  readonly name: string;
  readonly call: (x: number, y: number) => Promise<number>;
  readonly echo: (bytes: Buffer) => Promise<Buffer>;
  /** Processor time of the worker for a call that runs, and for one that a rule forbids, in microseconds. */
  workerCpuUs(calls: number): Promise<{ readonly runs: number; readonly forbidden: number }>;
  /** Processor time of both processes for so many new connections, in milliseconds. */
  handshakes(count: number): Promise<number>;
  close(): Promise<void>;
}

/** One side's figures, an entry per round. */
interface Series {
  readonly p50Us: number[];
  readonly p99Us: number[];
  readonly callsPerSecond: number[];
  readonly megabytesPerSecond: number[];
  readonly handshakesMs: number[];
  readonly runUs: number[];
  readonly forbiddenUs: number[];
}

async function openSide(name: string, credentials: WorkerCredentials | undefined): Promise<Side> {
  const options = { ...(credentials !== undefined && { credentials }) };
  const worker = await ProcessWorker.open({
    host: "127.0.0.1",
    modules: [new URL("./functions/merino.ts", import.meta.url)],
    ...options,
  });
  const { socket: _, ...record } = worker.metadata;
  const pool = await WorkerPool.open({
    discovery: new StaticDiscovery([record]),
    ambient: false,
    ...options,
  });
  return {
    name,
    call: add.with({ pool }),
    echo: echo.with({ pool }),
    async workerCpuUs(calls) {
      // In bursts, so that the worker gets as many at a time of either, though its caller takes longer over errors.
      const used = async (make: () => Promise<unknown>): Promise<number> => {
        const before = await cpuTime.with({ pool })();
        for (let made = 0; made < calls; made += IN_FLIGHT) {
          await Promise.all(Array.from({ length: IN_FLIGHT }, make));
        }
        return (((await cpuTime.with({ pool })()) - before) / calls) * 1_000;
      };
      const denied = nobodys.with({ pool });
      return {
        runs: await used(() => add.with({ pool })(1, 2)),
        forbidden: await used(() => denied(1, 2).catch(() => {})),
      };
    },
    async handshakes(count) {
      const used = async (): Promise<number> => (await cpuTime.with({ pool })()) + ownCpuMs();
      const before = await used();
      for (let n = 0; n < count; n++) {
        await using connection = new WorkerConnection(record, options);
        await connection.dispatch(add, n, 1);
      }
      return (await used()) - before;
    },
    async close() {
      await pool.close();
      await worker.close();
    },
  };
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

async function measureTls({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const effort = quick ? QUICK : FULL;
  const authority = createAuthority();
  const { ca, cert, key } = authority.issue({ dns: ["localhost"], ips: ["127.0.0.1"] });
  const sides: Side[] = [];
  try {
    sides.push(await openSide("plain text", undefined));
    sides.push(await openSide("mutual TLS", WorkerCredentials.fromPem({ ca, cert, key })));
    const series = sides.map((side) => ({ side, figures: emptySeries() }));
    for (const { side } of series) await measureRound(side, emptySeries(), effort);
    for (let round = 0; round < effort.rounds; round++) {
      note(`round ${round + 1} of ${effort.rounds}`);
      const order = round % 2 === 0 ? series : [...series].reverse();
      for (const { side, figures } of order) await measureRound(side, figures, effort);
    }
    return summarize(series, effort);
  } finally {
    await Promise.all(sides.map((side) => side.close()));
  }
}

function emptySeries(): Series {
  return {
    p50Us: [],
    p99Us: [],
    callsPerSecond: [],
    megabytesPerSecond: [],
    handshakesMs: [],
    runUs: [],
    forbiddenUs: [],
  };
}

async function measureRound(side: Side, figures: Series, effort: Effort): Promise<void> {
  const timesUs = new Float64Array(effort.singleCalls);
  for (let call = 0; call < effort.singleCalls; call++) {
    const start = performance.now();
    await side.call(call, 1);
    timesUs[call] = (performance.now() - start) * 1_000;
  }
  figures.p50Us.push(percentile(timesUs, 0.5));
  figures.p99Us.push(percentile(timesUs, 0.99));
  figures.callsPerSecond.push(await perSecond(effort.parallelCalls, IN_FLIGHT, (call) => side.call(call, 1)));
  const bytes = Buffer.alloc(MEGABYTE, 1);
  figures.megabytesPerSecond.push(await perSecond(effort.echoes, 1, () => side.echo(bytes)));
  figures.handshakesMs.push(await side.handshakes(HANDSHAKES));
  const { runs, forbidden } = await side.workerCpuUs(effort.parallelCalls / 4);
  figures.runUs.push(runs);
  figures.forbiddenUs.push(forbidden);
}

async function perSecond(
  count: number,
  lanes: number,
  make: (call: number) => Promise<unknown>,
): Promise<number> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await make(left);
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: lanes }, lane));
  return (count / (performance.now() - start)) * 1_000;
}

function summarize(
  series: readonly { readonly side: Side; readonly figures: Series }[],
  effort: Effort,
): BenchmarkResult {
  const [plain, secure] = series.map(({ figures }) => figures) as [Series, Series];
  const ratio = (name: keyof Series): number => medianRatio(secure[name], plain[name]);
  return {
    data: {
      effort,
      inFlight: IN_FLIGHT,
      results: series.map(({ side, figures }) => ({ name: side.name, rounds: figures })),
    },
    tables: [
      {
        title: `A worker on loopback (medians of ${effort.rounds} rounds)`,
        head: [
          "",
          "p50 µs",
          "p99 µs",
          "calls/s",
          "MiB/s",
          `ms of CPU for ${HANDSHAKES} connections`,
          "µs of the worker's CPU: a call",
          "one that is forbidden",
        ],
        rows: series.map(({ side, figures }) => [
          side.name,
          median(figures.p50Us).toFixed(1),
          median(figures.p99Us).toFixed(0),
          Math.round(median(figures.callsPerSecond)).toLocaleString("en-US"),
          median(figures.megabytesPerSecond).toFixed(0),
          median(figures.handshakesMs).toFixed(0),
          median(figures.runUs).toFixed(1),
          median(figures.forbiddenUs).toFixed(1),
        ]),
      },
    ],
    targets: [
      atMost("p50 of one call, ratio to plain text", ratio("p50Us"), 1.2, "×"),
      atLeast("calls per second, ratio to plain text", ratio("callsPerSecond"), 0.8, "×"),
      atLeast("a megabyte there and back, ratio to plain text", ratio("megabytesPerSecond"), 0.6, "×"),
      atMost(
        "CPU of a call that a rule forbids, ratio to one that runs",
        medianRatio(secure.forbiddenUs, secure.runUs),
        1,
        "×",
      ),
      atMost(`CPU of ${HANDSHAKES} connections`, median(secure.handshakesMs) / 1_000, 2, "s"),
    ],
  };
}

await runBenchmark("tls", measureTls);
