/**
 * What do spans and metrics cost a call? A program that calls its worker, many calls in flight, each in a context of its
 * own as a server's requests are; with everything off beside everything that can be on, in the same run and by turns.
 * Processor time of both processes counts, since it is what calls per second hang on.
 *
 * Run with `node --import tsx benchmarks/telemetry.ts`, once the package is built; options `--quick --json --check`.
 */
import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { WorkerPool } from "merino";
import { add, cpuTime } from "./functions/merino.ts";
import { addBelowSpan, addInSpan, type Mode, setMode, setWorkerMode } from "./functions/traced.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { median, medianRatio } from "./support/statistics.ts";
import { atMost } from "./support/target.ts";

const IN_FLIGHT = 100;
/** Calls of the API that are measured at a time. */
const API_CALLS = 100_000;

/** A way to call. */
interface Side {
  readonly name: string;
  readonly mode: Mode;
  /** The context of a request. */
  readonly request: (number: number) => Context;
  /** How the sum is made; absent: by `add`. */
  readonly call?: (pool: WorkerPool) => (x: number, y: number) => Promise<number>;
  /** What it may cost in relation to another side. */
  readonly limit?: { readonly times: number; readonly of: string };
}

/** The name of the least that a program does which passes its traces on without the library's help. */
const BY_HAND = "passed on by hand, as arguments";

const OFF: Mode = { traces: false, metrics: false, sdk: true };
const TRACES: Mode = { ...OFF, traces: true };

const ids = Buffer.alloc(24);

/** Of a request whose trace is sampled, or is not. Its ids are made as an SDK makes them, which costs each side the same. */
function inTrace(number: number, traceFlags: TraceFlags): Context {
  ids.writeUInt32BE(number + 1, 12);
  ids.writeUInt32BE(number + 1, 20);
  const [traceId, spanId] = [ids.toString("hex", 0, 16), ids.toString("hex", 16, 24)];
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags });
}

const unsampled = (number: number): Context => inTrace(number, TraceFlags.NONE);

/** The ids of the active span travel as an argument, and nothing is made of them but the context of the body. */
function idsByHand(pool: WorkerPool): (x: number, y: number) => Promise<number> {
  const call = addBelowSpan.with({ pool });
  return (x, y) => {
    const span = trace.getSpanContext(context.active());
    return span === undefined ? add(x, y) : call(x, y, [span.traceId, span.spanId, span.traceFlags]);
  };
}

/** What instrumentations do for a call: a span at either side, and the propagator in between. */
function spansByHand(pool: WorkerPool): (x: number, y: number) => Promise<number> {
  const call = addInSpan.with({ pool });
  const tracer = trace.getTracer("benchmark");
  return async (x, y) => {
    const active = context.active();
    const span = tracer.startSpan("add", { kind: SpanKind.CLIENT }, active);
    const carrier: Record<string, string> = {};
    propagation.inject(trace.setSpan(active, span), carrier);
    try {
      return await call(x, y, carrier);
    } finally {
      span.end();
    }
  };
}

const SIDES: readonly Side[] = [
  { name: "off", mode: OFF, request: unsampled },
  { name: "off again", mode: OFF, request: unsampled },
  { name: "on, and no SDK", mode: { ...TRACES, sdk: false }, request: () => ROOT_CONTEXT },
  {
    name: "in requests that are not sampled",
    mode: TRACES,
    request: unsampled,
    limit: { times: 1.05, of: BY_HAND },
  },
  { name: BY_HAND, mode: OFF, request: unsampled, call: idsByHand },
  { name: "with spans by hand, not sampled", mode: OFF, request: unsampled, call: spansByHand },
  {
    name: "in requests of which 1 in 1,000 is sampled",
    mode: TRACES,
    request: (number) => inTrace(number, number % 1_000 === 0 ? TraceFlags.SAMPLED : TraceFlags.NONE),
    limit: { times: 1.05, of: BY_HAND },
  },
  { name: "in no request, 1 in 1,000 sampled", mode: TRACES, request: () => ROOT_CONTEXT },
  {
    name: "in requests that are sampled",
    mode: TRACES,
    request: (number) => inTrace(number, TraceFlags.SAMPLED),
  },
  { name: "metrics only", mode: { ...OFF, metrics: true }, request: unsampled },
];

/** Processor time of a call in µs, at its caller and at its worker, and calls per second; an entry per round. */
interface Series {
  readonly callerUs: number[];
  readonly workerUs: number[];
  readonly bothUs: number[];
  readonly callsPerSecond: number[];
}

async function measureTelemetry({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const rounds = quick ? 3 : 21;
  const calls = quick ? 2_000 : 20_000;
  await using pool = await WorkerPool.open({ size: 1, ambient: false });
  const series = SIDES.map((side) => ({
    side,
    figures: { callerUs: [], workerUs: [], bothUs: [], callsPerSecond: [] } as Series,
  }));
  for (let round = -1; round < rounds; round++) {
    note(round < 0 ? "warming up" : `round ${round + 1} of ${rounds}`);
    const order = round % 2 === 0 ? series : [...series].reverse();
    for (const { side, figures } of order) {
      setMode(side.mode);
      await setWorkerMode.with({ pool })(side.mode);
      const measured = await measure(pool, side, calls);
      setMode(OFF);
      if (round < 0) continue;
      for (const [name, value] of Object.entries(measured)) figures[name as keyof Series].push(value);
    }
  }
  setMode(TRACES); // so that the SDK's context manager has been used
  const api = await measureApi(rounds);
  setMode(OFF);
  return summarize(series, api, { rounds, calls });
}

/** What the API and the SDK take in one process for what any tracer has to do for a call, in µs of processor time. */
async function measureApi(rounds: number): Promise<Readonly<Record<string, number>>> {
  const request = unsampled(0);
  const tracer = trace.getTracer("benchmark");
  const body = async (x: number): Promise<number> => x;
  const parts: Readonly<Record<string, (number: number) => unknown>> = {
    "to look at the context of a call": () => {
      const active = context.active();
      return [trace.getSpanContext(active)?.traceFlags, propagation.getBaggage(active)];
    },
    "to run an asynchronous body": body,
    "to run it in a context": (number) => context.with(request, () => body(number)),
    "for a span that is not sampled": () => tracer.startSpan("m", { kind: SpanKind.CLIENT }, request),
  };
  const figures: Record<string, number> = {};
  for (const [name, part] of Object.entries(parts)) {
    const series: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const before = ownCpuMs();
      await context.with(request, async () => {
        for (let made = 0; made < API_CALLS; made += IN_FLIGHT) {
          await Promise.all(Array.from({ length: IN_FLIGHT }, (_, index) => part(made + index)));
        }
      });
      series.push(((ownCpuMs() - before) * 1_000) / API_CALLS);
    }
    figures[name] = median(series);
  }
  return figures;
}

async function measure(
  pool: WorkerPool,
  { request, call: callOf }: Side,
  calls: number,
): Promise<Readonly<Record<keyof Series, number>>> {
  const call = callOf === undefined ? add.with({ pool }) : callOf(pool);
  let left = calls;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      const number = left--;
      await context.with(request(number), () => call(number, 1));
    }
  };
  const [workerBefore, callerBefore, start] = [await cpuTime.with({ pool })(), ownCpuMs(), performance.now()];
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  const [elapsedMs, callerMs] = [performance.now() - start, ownCpuMs() - callerBefore];
  const workerMs = (await cpuTime.with({ pool })()) - workerBefore;
  return {
    callerUs: (callerMs * 1_000) / calls,
    workerUs: (workerMs * 1_000) / calls,
    bothUs: ((callerMs + workerMs) * 1_000) / calls,
    callsPerSecond: (calls * 1_000) / elapsedMs,
  };
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function summarize(
  series: readonly { readonly side: Side; readonly figures: Series }[],
  api: Readonly<Record<string, number>>,
  effort: { readonly rounds: number; readonly calls: number },
): BenchmarkResult {
  const off = series[0]?.figures as Series;
  const cost = (figures: Series): number => medianRatio(figures.bothUs, off.bothUs);
  const figuresOf = (name: string): Series => series.find(({ side }) => side.name === name)?.figures ?? off;
  return {
    data: {
      effort,
      inFlight: IN_FLIGHT,
      results: series.map(({ side, figures }) => ({ name: side.name, ...figures })),
      api,
    },
    tables: [
      {
        title: `A call, ${IN_FLIGHT} in flight (medians of ${effort.rounds} rounds)`,
        head: ["", "µs of CPU at the caller", "at the worker", "both, ratio to off", "calls/s, ratio to off"],
        rows: series.map(({ side, figures }) => [
          side.name,
          median(figures.callerUs).toFixed(2),
          median(figures.workerUs).toFixed(2),
          cost(figures).toFixed(3),
          medianRatio(figures.callsPerSecond, off.callsPerSecond).toFixed(3),
        ]),
      },
      {
        title: "OpenTelemetry alone, with the loop and the promise that each takes",
        head: ["", "µs of CPU"],
        rows: Object.entries(api).map(([name, us]) => [name, us.toFixed(3)]),
      },
    ],
    targets: series.flatMap(({ side, figures }) =>
      side.limit === undefined
        ? []
        : [
            atMost(
              `CPU of a call ${side.name}, ratio to ${side.limit.of}`,
              medianRatio(figures.bothUs, figuresOf(side.limit.of).bothUs),
              side.limit.times,
              "×",
            ),
          ],
    ),
  };
}

await runBenchmark("telemetry", measureTelemetry);
