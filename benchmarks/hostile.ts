/**
 * What does the decoder take for a byte of a payload that is made to be dear? Payloads of 64 KiB, 1 MiB and 8 MiB, each of
 * one shape, as many of it as the budget lets pass; processor time of the whole process, collection of garbage included.
 *
 * Run with `node --single-threaded-gc --import tsx benchmarks/hostile.ts`; options `--quick --json`. Figures are nanoseconds
 * a byte, the best of several rounds. It has no targets: what is dear differs with the machine and the version of Node.
 */
import { decodeValue } from "../src/codec/decode/decoder.ts";
import type { SignalSource } from "../src/codec/references.ts";
import { processReferences } from "../src/routine/process-references.ts";
import { dearPayload, type Shape } from "./hostile/dear-payload.ts";
import { SHAPES } from "./hostile/shapes.ts";
import { BenchmarkError } from "./support/benchmark-error.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";

const KIB = 1024;
const SIZES: Readonly<Record<string, number>> = {
  "64 KiB": 64 * KIB,
  "1 MiB": KIB * KIB,
  "8 MiB": 8 * KIB * KIB,
};
const QUICK_SIZES: Readonly<Record<string, number>> = { "64 KiB": 64 * KIB };

interface Effort {
  readonly sizes: Readonly<Record<string, number>>;
  readonly rounds: number;
  readonly roundMs: number;
}

const FULL: Effort = { sizes: SIZES, rounds: 5, roundMs: 60 };
const QUICK: Effort = { sizes: QUICK_SIZES, rounds: 2, roundMs: 5 };

/** Live signals, as a worker makes them for a task. */
function signalSource(): SignalSource {
  const controllers = new Map<number, AbortController>();
  return {
    get(index) {
      const known = controllers.get(index) ?? new AbortController();
      controllers.set(index, known);
      return known.signal;
    },
  };
}

/** Nanoseconds of processor time for each byte. */
function measure(bytes: Buffer, { rounds, roundMs }: Effort): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const started = process.cpuUsage();
    let us = 0;
    let runs = 0;
    while (us < roundMs * 1_000) {
      const options = { references: processReferences, signals: signalSource() };
      decodeValue({ bytes, start: 0, end: bytes.length, parts: [] }, options);
      runs++;
      const { user, system } = process.cpuUsage(started);
      us = user + system;
    }
    best = Math.min(best, (us * 1_000) / (runs * bytes.length));
  }
  return best;
}

/** The worse of both kinds of payloads: those that refer back, and those that do not. */
function worstOf(shape: Shape, sizeBytes: number, effort: Effort): number {
  return Math.max(
    ...[false, true].map((numbered) => measure(dearPayload(shape, sizeBytes, numbered), effort)),
  );
}

async function measureHostile({ quick, check }: BenchmarkOptions): Promise<BenchmarkResult> {
  if (check) throw new BenchmarkError("This benchmark has no targets, so there is nothing for --check");
  const effort = quick ? QUICK : FULL;
  // Errors and their stacks are not what is measured here.
  Error.stackTraceLimit = 0;
  const rows = SHAPES.map((shape) => {
    note(shape.name);
    const figures = Object.values(effort.sizes).map((size) => worstOf(shape, size, effort));
    return { shape: shape.name, figures, worst: Math.max(...figures) };
  });
  rows.sort((one, other) => other.worst - one.worst);
  return {
    data: { unit: "ns/byte", sizes: Object.keys(effort.sizes), rows },
    tables: [
      {
        title: "Nanoseconds of processor time for a byte, the worst shape first",
        head: ["shape", ...Object.keys(effort.sizes)],
        rows: rows.map(({ shape, figures }) => [shape, ...figures.map((figure) => figure.toFixed(1))]),
      },
    ],
    targets: [],
  };
}

await runBenchmark("hostile", measureHostile);
