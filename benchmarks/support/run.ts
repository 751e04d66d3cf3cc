/**
 * What every benchmark's command line has in common: the note on the machine, the output as tables or as JSON,
 * and the exit code. It measures nothing.
 */
import { availableParallelism, cpus } from "node:os";
import { BenchmarkError } from "./benchmark-error.ts";
import { type BenchmarkOptions, type ComparisonOptions, parseBenchmarkOptions } from "./options.ts";
import { formatTable, type Table } from "./table.ts";
import type { Target } from "./target.ts";

/** What a benchmark found: data for `--json`, tables for people, targets for both. */
export interface BenchmarkResult {
  readonly data: Readonly<Record<string, unknown>>;
  readonly tables: readonly Table[];
  readonly targets: readonly Target[];
}

/** What is printed in the end. A comparison with another commit has rows instead of targets, and gives this itself. */
export interface Outcome {
  readonly data: Readonly<Record<string, unknown>>;
  readonly tables: readonly Table[];
  /** Whether `--check` is to fail. */
  readonly failed: boolean;
}

type Measure = (options: BenchmarkOptions) => Promise<BenchmarkResult>;
type Compare = (options: ComparisonOptions) => Promise<Outcome>;

/**
 * Runs a benchmark as a program: reads the command line, prints what it found, sets the exit code. That is 1 if
 * `--check` fails, and 2 if nothing could be measured.
 *
 * @param compare What `--against` does; without it, the benchmark refuses that option.
 */
export async function runBenchmark(name: string, measure: Measure, compare?: Compare): Promise<void> {
  try {
    const options = parseBenchmarkOptions(process.argv.slice(2), { comparable: compare !== undefined });
    const result =
      compare !== undefined && "ref" in options
        ? await compare(options)
        : withTargets(await measure(options));
    print(name, options, result);
    if (options.check && result.failed) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof BenchmarkError)) throw error;
    note(error.message);
    process.exitCode = error.exitCode;
  }
}

/** Says on standard error what is being measured, so that standard output stays clean for the result. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function withTargets({ data, tables, targets }: BenchmarkResult): Outcome {
  return {
    data: { ...data, targets },
    tables: targets.length === 0 ? tables : [...tables, targetTable(targets)],
    failed: targets.some((target) => !target.met),
  };
}

function print(name: string, { json, quick }: BenchmarkOptions, { data, tables }: Outcome): void {
  const machine = describeMachine();
  if (json) {
    console.log(JSON.stringify({ benchmark: name, quick, machine, ...data }, null, 2));
    return;
  }
  console.log(`${name} on Node ${machine.node}, ${machine.cpu}, ${machine.processors} processors`);
  for (const table of tables) console.log(`\n${formatTable(table)}`);
}

function describeMachine(): { node: string; cpu: string; processors: number; platform: string } {
  return {
    node: process.versions.node,
    cpu: cpus()[0]?.model.trim() || "unknown processor",
    processors: availableParallelism(),
    platform: `${process.platform}-${process.arch}`,
  };
}

function targetTable(targets: readonly Target[]): Table {
  return {
    title: "Targets",
    head: ["", "measured", "target", ""],
    rows: targets.map((target) => [
      target.name,
      `${target.value.toFixed(2)} ${target.unit}`,
      `${target.rule} ${target.limit} ${target.unit}`,
      target.met ? "met" : "MISSED",
    ]),
  };
}
