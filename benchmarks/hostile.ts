/**
 * What does the decoder take for a byte of a payload, and how much of that does the engine take for the values alone?
 * Payloads of 64 KiB, 1 MiB and 8 MiB that are made to be dear, each of one shape, as many of it as the budget lets pass; and
 * values as programs have them that mean no harm. Beside the decoder, in turns with it: `made bare`, a loop that makes the same
 * values without reading them, below which no decoder can be; and `JSON.parse`, where JSON has such values. Processor
 * time of the whole process, collection of garbage included, for each byte of the payload (not of the JSON).
 *
 * Run with `node --single-threaded-gc --import tsx benchmarks/hostile.ts`; options `--quick --json`. Figures are nanoseconds
 * a byte, the best of several rounds. It has no targets: what is dear differs with the machine and the version of Node.
 */
import { isDeepStrictEqual } from "node:util";
import { decodeValue } from "../src/codec/decode/decoder.ts";
import { encodeValue } from "../src/codec/encode/encoder.ts";
import type { SignalSource } from "../src/codec/references.ts";
import { processReferences } from "../src/routine/process-references.ts";
import { honestValues } from "../test/support/hostile/honest-values.ts";
import { dearPayload, makeBare, type Shape } from "./hostile/dear-payload.ts";
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

const FULL: Effort = { sizes: SIZES, rounds: 3, roundMs: 60 };
const QUICK: Effort = { sizes: QUICK_SIZES, rounds: 2, roundMs: 5 };

/** Nanoseconds of processor time for each byte of a payload. */
interface Figures {
  readonly decoder: number;
  readonly bare: number;
  /** Absent where JSON has no such values. */
  readonly json: number | undefined;
}

/** A payload, or several that stand for the same, of which the dearest counts. */
interface Subject {
  readonly payloads: readonly Buffer[];
  readonly bare: () => unknown;
  readonly text: string | undefined;
}

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

function decode(bytes: Buffer): unknown {
  const options = { references: processReferences, signals: signalSource() };
  return decodeValue({ bytes, start: 0, end: bytes.length, parts: [] }, options);
}

/** Microseconds of processor time for a run. */
function time(run: () => unknown, roundMs: number): number {
  const started = process.cpuUsage();
  let us = 0;
  let runs = 0;
  while (us < roundMs * 1_000) {
    run();
    runs++;
    const { user, system } = process.cpuUsage(started);
    us = user + system;
  }
  return us / runs;
}

function measure({ payloads, bare, text }: Subject, { rounds, roundMs }: Effort): Figures {
  const runs = [
    ...payloads.map((bytes) => () => decode(bytes)),
    bare,
    ...(text === undefined ? [] : [() => JSON.parse(text) as unknown]),
  ];
  const best = runs.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    runs.forEach((run, index) => {
      best[index] = Math.min(best[index] as number, time(run, roundMs));
    });
  }
  const lengthBytes = payloads[0]?.length ?? 1;
  const perByte = best.map((us) => (us * 1_000) / lengthBytes);
  return {
    decoder: Math.max(...perByte.slice(0, payloads.length)),
    bare: perByte[payloads.length] as number,
    json: perByte[payloads.length + 1],
  };
}

/** The value as JSON, if that has it. */
function jsonOf(value: unknown): string | undefined {
  try {
    const text = JSON.stringify(value);
    return text !== undefined && isDeepStrictEqual(JSON.parse(text), value) ? text : undefined;
  } catch {
    return undefined;
  }
}

function subjectOf(shape: Shape, sizeBytes: number, hasJson: boolean): Subject {
  const plain = dearPayload(shape, sizeBytes, false);
  const [value] = decode(plain.bytes) as readonly unknown[];
  return {
    payloads: [plain.bytes, dearPayload(shape, sizeBytes, true).bytes],
    bare: () => makeBare(shape, plain),
    text: hasJson ? JSON.stringify(value) : undefined,
  };
}

function measureShape(shape: Shape, effort: Effort): { readonly shape: string; readonly figures: Figures[] } {
  note(shape.name);
  const [sample] = decode(dearPayload(shape, 16 * KIB, false).bytes) as readonly unknown[];
  const hasJson = jsonOf(sample) !== undefined;
  const sizes = Object.values(effort.sizes);
  return {
    shape: shape.name,
    figures: sizes.map((size) => measure(subjectOf(shape, size, hasJson), effort)),
  };
}

interface HonestRow extends Figures {
  readonly value: string;
  readonly bytes: number;
}

function measureHonest(name: string, make: () => unknown, effort: Effort): HonestRow {
  note(name);
  const value = make();
  const { bytes, start, end } = encodeValue(value, { root: "args", references: processReferences });
  const payload = Buffer.from(bytes.subarray(start, end));
  const figures = measure({ payloads: [payload], bare: make, text: jsonOf(value) }, effort);
  return { value: name, bytes: payload.length, ...figures };
}

function worstOf({ figures }: { readonly figures: readonly Figures[] }): number {
  return Math.max(...figures.map(({ decoder }) => decoder));
}

/** Decoder, made bare, JSON. */
function shown({ decoder, bare, json }: Figures): string[] {
  return [decoder.toFixed(1), bare.toFixed(1), json === undefined ? "–" : json.toFixed(1)];
}

async function measureHostile({ quick, check }: BenchmarkOptions): Promise<BenchmarkResult> {
  if (check) throw new BenchmarkError("This benchmark has no targets, so there is nothing for --check");
  const effort = quick ? QUICK : FULL;
  // Errors and their stacks are not what is measured here.
  Error.stackTraceLimit = 0;
  const honest = Object.entries(honestValues(100_000)).map(([name, make]) =>
    measureHonest(name, make, effort),
  );
  const rows = SHAPES.map((shape) => measureShape(shape, effort));
  rows.sort((one, other) => worstOf(other) - worstOf(one));
  const columns = ["decoder", "made bare", "JSON.parse"];
  return {
    data: { unit: "ns/byte", sizes: Object.keys(effort.sizes), rows, honest },
    tables: [
      {
        title: "Honest values: nanoseconds of processor time for a byte",
        head: ["value", "bytes", ...columns],
        rows: honest.map((row) => [row.value, String(row.bytes), ...shown(row)]),
      },
      ...Object.keys(effort.sizes).map((size, index) => ({
        title: `Dear payloads of ${size}: nanoseconds of processor time for a byte, the worst shape of any size first`,
        head: ["shape", ...columns],
        rows: rows.map(({ shape, figures }) => [shape, ...shown(figures[index] as Figures)]),
      })),
    ],
    targets: [],
  };
}

await runBenchmark("hostile", measureHostile);
