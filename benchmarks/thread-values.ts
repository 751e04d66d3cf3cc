/**
 * What do values cost on their way to a thread and back? Buffers copied and moved, texts and rows through Merino's threads
 * beside Piscina's, one worker each, one call at a time and in the same run, in slices that take turns. A slice counts
 * with its median call.
 *
 * Run with `npm run build && node --import tsx benchmarks/thread-values.ts`, options `--quick --json --check`.
 */
import { fileURLToPath } from "node:url";
import { move, WorkerPool } from "merino";
import { Piscina } from "piscina";
import { echoValue, moveBack } from "./functions/merino.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { KIB, MIB, row } from "./support/sample-values.ts";
import { median, medianRatio } from "./support/statistics.ts";
import { atLeast } from "./support/target.ts";

/** One kind of value through both pools. Each function makes one call, and gives what the next one sends. */
interface Case {
  readonly name: string;
  readonly bytes: number;
  readonly make: () => unknown;
  readonly merino: (value: unknown) => Promise<unknown>;
  readonly piscina: (value: unknown) => Promise<unknown>;
  /** How many times as fast as piscina it is to be. */
  readonly least: number;
}

function casesOf(threads: Piscina): readonly Case[] {
  const copied = (name: string, bytes: number, make: () => unknown, least: number): Case => ({
    name,
    bytes,
    make,
    merino: (value) => echoValue(value),
    piscina: (value) => threads.run(value, { name: "echo" }),
    least,
  });
  const moved = (bytes: number, least: number): Case => ({
    name: `Buffer, ${bytes / KIB} KiB, moved`,
    bytes,
    make: () => new Uint8Array(bytes).fill(7),
    merino: (value) => moveBack(move(value as Uint8Array)),
    piscina: (value) => threads.run(Piscina.move(value as never), { name: "moveBack" }),
    least,
  });
  const buffer = (bytes: number, least: number): Case =>
    copied(`Buffer, ${bytes / KIB} KiB, copied`, bytes, () => Buffer.alloc(bytes, 7), least);
  return [
    buffer(64 * KIB, 1),
    moved(64 * KIB, 1),
    buffer(MIB, 1),
    moved(MIB, 1.6),
    buffer(16 * MIB, 1),
    moved(16 * MIB, 1),
    copied("one-byte text, 1 MiB", MIB, () => "text ".repeat(MIB / 5), 1.5),
    copied("two-byte text, 1 MiB", MIB, () => "\u6587\u5b57 ".repeat(MIB / 6), 0.95),
    copied("1 000 rows of six fields", 100_000, () => Array.from({ length: 1_000 }, (_, id) => row(id)), 1),
  ];
}

async function measure({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const rounds = quick ? 5 : 21;
  const sliceBytes = quick ? 16 * MIB : 40 * MIB;
  const merino = await WorkerPool.open({ size: 1, worker: "thread" });
  const threads = new Piscina({
    filename: fileURLToPath(new URL("functions/piscina.mjs", import.meta.url)),
    minThreads: 1,
    maxThreads: 1,
  });
  try {
    const rows: { one: Case; merinoUs: number[]; piscinaUs: number[] }[] = [];
    for (const one of casesOf(threads)) {
      note(one.name);
      const calls = Math.max(1, Math.round(sliceBytes / (one.bytes + 50_000) / 4));
      const merinoUs: number[] = [];
      const piscinaUs: number[] = [];
      const warmUp = Math.min(3_000, calls * 100);
      for (const call of [one.merino, one.piscina]) {
        let value = one.make();
        for (let count = 0; count < warmUp; count++) value = await call(value);
      }
      for (let round = 0; round < rounds; round++) {
        const turns = [
          [one.merino, merinoUs],
          [one.piscina, piscinaUs],
        ] as const;
        for (const [call, into] of round % 2 === 0 ? turns : [...turns].reverse()) {
          const us: number[] = [];
          let value = one.make();
          for (let count = 0; count < calls; count++) {
            const start = performance.now();
            value = await call(value);
            us.push((performance.now() - start) * 1_000);
          }
          into.push(median(us));
        }
      }
      rows.push({ one, merinoUs, piscinaUs });
    }
    return {
      data: { rows: rows.map(({ one, merinoUs, piscinaUs }) => ({ name: one.name, merinoUs, piscinaUs })) },
      tables: [
        {
          title: `To a thread and back, one at a time: µs (lowest to highest of ${rounds} rounds)`,
          head: ["value", "merino", "piscina", "×"],
          rows: rows.map(({ one, merinoUs, piscinaUs }) => [
            one.name,
            range(merinoUs),
            range(piscinaUs),
            `${medianRatio(piscinaUs, merinoUs).toFixed(2)}×`,
          ]),
        },
      ],
      targets: rows.map(({ one, merinoUs, piscinaUs }) =>
        atLeast(`${one.name}, ratio to piscina`, medianRatio(piscinaUs, merinoUs), one.least, "×"),
      ),
    };
  } finally {
    await Promise.all([merino.close(), threads.destroy()]);
  }
}

function range(us: readonly number[]): string {
  return `${median(us).toFixed(0)} (${Math.min(...us).toFixed(0)}–${Math.max(...us).toFixed(0)})`;
}

await runBenchmark("thread-values", measure);
