/**
 * How long do values take to become bytes and values again? Compares the codec with `v8.serialize` and
 * with msgpackr's structured-clone mode, with and without its records, in one process and interleaved.
 *
 * Run with `npm run bench:codec`, options `-- --quick --json`. Figures are microseconds per value, the best of several
 * rounds. It has no targets.
 */
import { deserialize, serialize } from "node:v8";
import { Packr } from "msgpackr";
import { decodeValue } from "../src/codec/decode/decoder.ts";
import { encodeValue } from "../src/codec/encode/encoder.ts";
import type { References } from "../src/codec/references.ts";
import { BenchmarkError } from "./support/benchmark-error.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, runBenchmark } from "./support/run.ts";

interface Codec {
  readonly name: string;
  encode(value: unknown): unknown;
  /** Makes what the decoder is given, apart from what `encode` may reuse. */
  message(value: unknown): unknown;
  decode(message: unknown): unknown;
}

interface Figure {
  readonly value: string;
  readonly codec: string;
  readonly encodeUs: number;
  readonly decodeUs: number;
  readonly bytes: number;
}

const ROUNDS = 7;
const ROUND_MS = 40;
const QUICK_ROUNDS = 2;
const QUICK_ROUND_MS = 5;

const references: References = {
  describeRoutine: () => undefined,
  resolveRoutine: () => undefined,
  portableByPrototype: () => undefined,
  portableByConstructor: () => undefined,
  portableById: () => undefined,
};
const encodeOptions = { root: "args", references };
const decodeOptions = { references, source: { local: true } };

interface Message {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly parts: readonly Uint8Array[];
}

const merino: Codec = {
  name: "merino",
  encode: (value) => encodeValue(value, encodeOptions),
  message: (value) => ({ ...encodeValue(value, encodeOptions) }),
  decode: (message) => decodeValue(message as Message, decodeOptions),
};

function packr(name: string, options: ConstructorParameters<typeof Packr>[0]): Codec {
  const instance = new Packr(options);
  return {
    name,
    encode: (value) => instance.pack(value),
    message: (value) => Buffer.from(instance.pack(value)),
    decode: (message) => instance.unpack(message as Buffer) as unknown,
  };
}

const codecs: readonly Codec[] = [
  merino,
  packr("msgpackr, records", { structuredClone: true }),
  packr("msgpackr, no records", { structuredClone: true, useRecords: false }),
  {
    name: "v8.serialize",
    encode: serialize,
    message: serialize,
    decode: (message) => deserialize(message as Buffer),
  },
];

function user(id: number): object {
  return { id, name: `user${id}`, active: true, score: id * 1.5, city: "Paris", tags: null };
}

const values: Readonly<Record<string, unknown>> = {
  "[1, 2]": [1, 2],
  "one object of 6 fields": [user(7)],
  "100 such objects": [Array.from({ length: 100 }, (_, id) => user(id))],
  "an error": [new TypeError("something is wrong with the order")],
  "an error with a cause": [new Error("the order failed", { cause: new TypeError("no such article") })],
  "a buffer of 1 MiB": [new Uint8Array(1_048_576).fill(7)],
};

function size(message: unknown): number {
  if (message instanceof Uint8Array) return message.length;
  const { start, end, parts } = message as Message;
  return parts.reduce((sum, part) => sum + part.length, end - start);
}

/** Runs for a while and gives the microseconds per run. */
function time(action: () => unknown, roundMs: number): number {
  let runs = 1;
  for (;;) {
    const start = performance.now();
    for (let run = 0; run < runs; run++) action();
    const elapsedMs = performance.now() - start;
    if (elapsedMs >= roundMs) return (elapsedMs * 1_000) / runs;
    runs *= elapsedMs < roundMs / 10 ? 4 : 2;
  }
}

function measure(rounds: number, roundMs: number): Figure[] {
  const figures: Figure[] = [];
  for (const [value, input] of Object.entries(values)) {
    const rows = codecs.map((codec) => ({
      codec,
      message: codec.message(input),
      encodeUs: Number.POSITIVE_INFINITY,
      decodeUs: Number.POSITIVE_INFINITY,
    }));
    for (let round = 0; round < rounds; round++) {
      for (const row of rows) {
        row.encodeUs = Math.min(
          row.encodeUs,
          time(() => row.codec.encode(input), roundMs),
        );
        row.decodeUs = Math.min(
          row.decodeUs,
          time(() => row.codec.decode(row.message), roundMs),
        );
      }
    }
    for (const { codec, message, encodeUs, decodeUs } of rows) {
      figures.push({ value, codec: codec.name, encodeUs, decodeUs, bytes: size(message) });
    }
  }
  return figures;
}

async function measureCodec({ quick, check }: BenchmarkOptions): Promise<BenchmarkResult> {
  if (check) throw new BenchmarkError("This benchmark has no targets, so there is nothing for --check");
  const figures = quick ? measure(QUICK_ROUNDS, QUICK_ROUND_MS) : measure(ROUNDS, ROUND_MS);
  return {
    data: { unit: "µs", figures },
    tables: [
      {
        title: "Microseconds per value, the best of several rounds",
        head: ["value", "codec", "encode", "decode", "bytes"],
        rows: figures.map(({ value, codec, encodeUs, decodeUs, bytes }) => [
          value,
          codec,
          encodeUs.toFixed(2),
          decodeUs.toFixed(2),
          String(bytes),
        ]),
      },
    ],
    targets: [],
  };
}

await runBenchmark("codec", measureCodec);
