/**
 * What every benchmark's command line has in common: the options, the note on the machine, the output
 * as a table or as JSON, and the exit code. It measures nothing.
 */
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import type { Target } from "./target.ts";

export interface BenchmarkOptions {
  /** Fewer and shorter rounds: shows that everything runs; the figures are rough. */
  readonly quick: boolean;
  /** One JSON document on standard output instead of tables. */
  readonly json: boolean;
  /** Exit with code 1 if a target is missed. */
  readonly check: boolean;
}

/** What a benchmark found: data for `--json`, tables for people, targets for both. */
export interface BenchmarkResult {
  readonly data: Readonly<Record<string, unknown>>;
  readonly tables: readonly Table[];
  readonly targets: readonly Target[];
}

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Runs a benchmark as a program: reads the command line, prints what it found, sets the exit code. */
export async function runBenchmark(
  name: string,
  measure: (options: BenchmarkOptions) => Promise<BenchmarkResult>,
): Promise<void> {
  const options = parseBenchmarkOptions(process.argv.slice(2));
  if (options === undefined) return;
  const { data, tables, targets } = await measure(options);
  const machine = describeMachine();
  if (options.json) {
    console.log(
      JSON.stringify({ benchmark: name, quick: options.quick, machine, ...data, targets }, null, 2),
    );
  } else {
    console.log(`${name} on Node ${machine.node}, ${machine.cpu}, ${machine.processors} processors`);
    for (const table of tables) console.log(`\n${formatTable(table)}`);
    console.log(`\n${formatTable(targetTable(targets))}`);
  }
  if (options.check && targets.some((target) => !target.met)) process.exitCode = 1;
}

/** Says on standard error what is being measured, so that standard output stays clean for the result. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function parseBenchmarkOptions(args: string[]): BenchmarkOptions | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: {
        quick: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        check: { type: "boolean", default: false },
      },
    });
    return values;
  } catch (error) {
    note(`${error instanceof Error ? error.message : error}\nOptions: --quick --json --check`);
    process.exitCode = 2;
    return undefined;
  }
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

/** First column to the left, the others to the right. */
function formatTable({ title, head, rows }: Table): string {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? cell.length;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd();
  return [title, line(head), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)].join(
    "\n",
  );
}
