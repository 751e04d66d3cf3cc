/**
 * The comparison of `npm run bench`: calls, values, streams and jobs, over sockets and over the network protocol.
 * What the workloads do is in `program/workloads.mjs`; the figures are taken from what they return here.
 */
import { percentile } from "../support/statistics.ts";
import { CallerProcess, type Measurement } from "./caller-process.ts";
import { type Row, TOLERANCE } from "./row.ts";
import type { Figures, Subject, SubjectOptions, Suite, Workload } from "./suite.ts";

const SLICE_MS = 300;
const QUICK_SLICE_MS = 60;
const MEBIBYTE = 1024 * 1024;

/** A row of each carrier, and how its figure comes about. */
interface CallRow {
  /** The row is named after carrier and workload; this comes behind them if there are several. */
  readonly part?: string;
  readonly unit: string;
  readonly better: Row["better"];
  readonly figure: (measurement: Measurement) => number;
}

interface CallWorkload extends Workload {
  readonly carrier: string;
  /** Its name in the program. */
  readonly program: string;
  readonly figures: (measurement: Measurement) => Figures;
}

const rate = (unit: string): CallRow => ({
  unit,
  better: "higher",
  figure: ({ count, elapsedMs }) => (count / elapsedMs) * 1_000,
});
const throughput = (bytes: number): CallRow => ({
  unit: "MiB/s",
  better: "higher",
  figure: ({ count, elapsedMs }) => ((count * bytes) / MEBIBYTE / elapsedMs) * 1_000,
});
/** How much longer than on workers that lose no time. */
const excess: CallRow = {
  unit: "× ideal",
  better: "lower",
  figure: ({ elapsedMs, idealMs = Number.NaN }) => elapsedMs / idealMs,
};
const singleCall = (part: string, share: number): CallRow => ({
  part,
  unit: "µs",
  better: "lower",
  figure: ({ timesUs = [] }) => percentile(timesUs, share),
});

/** CPU time per call. */
const cpu = (part: string, cpuUs: (measurement: Measurement) => number): CallRow => ({
  part,
  unit: "µs/call",
  better: "lower",
  figure: (measurement) => cpuUs(measurement) / measurement.count,
});
const callerCpu = ({ callerCpuUs = Number.NaN }: Measurement) => callerCpuUs;
const workersCpu = ({ workersCpuUs = Number.NaN }: Measurement) => workersCpuUs;

const CARRIERS = ["processes", "network"] as const;
const WORKLOADS: Readonly<Record<string, readonly CallRow[]>> = {
  one: [singleCall("p50", 0.5), singleCall("p99", 0.99)],
  "in-flight": [
    { ...rate("calls/s"), part: "rate" },
    cpu("cpu", (measurement) => callerCpu(measurement) + workersCpu(measurement)),
  ],
  error: [cpu("caller", callerCpu), cpu("worker", workersCpu)],
  uneven: [excess],
  flat: [excess],
  "buffer-64k": [throughput(64 * 1024)],
  "buffer-1m": [throughput(MEBIBYTE)],
  "text-1m": [throughput(MEBIBYTE)],
  prefetched: [rate("items/s")],
  "lock-step": [rate("items/s")],
  nested: [rate("calls/s")],
};

/** Workers that were given by their addresses only reach one another by no discovery, so they cannot call on. */
const isPossible = (carrier: string, program: string) => !(carrier === "network" && program === "nested");

const workloads = CARRIERS.flatMap((carrier) =>
  Object.entries(WORKLOADS).flatMap(([program, rows]) =>
    isPossible(carrier, program) ? [defineWorkload(carrier, program, rows)] : [],
  ),
);

function defineWorkload(carrier: string, program: string, callRows: readonly CallRow[]): CallWorkload {
  const name = `${carrier}/${program}`;
  const rows = callRows.map(({ part, unit, better, figure }) => ({
    name: part === undefined ? name : `${name}/${part}`,
    unit,
    better,
    tolerance: TOLERANCE,
    figure,
  }));
  return {
    name,
    rows,
    carrier,
    program,
    figures: (measurement) => Object.fromEntries(rows.map((row) => [row.name, row.figure(measurement)])),
  };
}

export const CALLS: Suite<CallWorkload> = {
  workloads,
  pairsPerSubject: 3,
  async open(build, { quick, signal }: SubjectOptions): Promise<Subject<CallWorkload>> {
    const caller = await CallerProcess.start(build, signal);
    const durationMs = quick ? QUICK_SLICE_MS : SLICE_MS;
    return {
      async measure({ carrier, program, figures }) {
        return figures(await caller.measure({ workload: program, carrier, durationMs }));
      },
      [Symbol.asyncDispose]: () => caller[Symbol.asyncDispose](),
    };
  },
};
