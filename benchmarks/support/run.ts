/**
 * What every benchmark's command line has in common: the note on the machine, the output as tables or as JSON,
 * and the exit code. It measures nothing.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release } from "node:os";
import { BenchmarkError } from "./benchmark-error.ts";
import { type BenchmarkOptions, type ComparisonOptions, parseBenchmarkOptions } from "./options.ts";
import { formatTable, markdownTable, type Table } from "./table.ts";
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
    const options = parseBenchmarkOptions(process.argv.slice(2), {
      comparable: compare !== undefined,
      selectable: name === "bench",
    });
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

function print(name: string, options: BenchmarkOptions, { data, tables }: Outcome): void {
  const { json, quick, markdown, write } = options;
  const machine = describeMachine();
  if (write === true) writeTables(markdownText(machine, quick, tables));
  if (json) {
    console.log(JSON.stringify({ benchmark: name, quick, machine, ...data }, null, 2));
  } else if (markdown === true) {
    console.log(markdownText(machine, quick, tables));
  } else {
    console.log(`${name}: ${machineText(machine)}`);
    for (const table of tables) console.log(`\n${formatTable(table)}`);
  }
}

const DOCUMENT = new URL("../../docs/performance.md", import.meta.url);
const [BEGIN, END] = ["<!-- npm run bench -- --write: begin -->", "<!-- end -->"];

function markdownText(machine: Machine, quick: boolean, tables: readonly Table[]): string {
  const how = quick ? "Roughly measured, by `--quick`" : "Measured";
  return [`${how}: ${machineText(machine)}.`, ...tables.map(markdownTable)].join("\n\n");
}

function writeTables(text: string): void {
  const document = readFileSync(DOCUMENT, "utf8");
  const [before, after] = [document.split(BEGIN)[0] ?? "", document.split(END)[1] ?? ""];
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n${text}\n${END}${after}`);
}

interface Machine {
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly processors: number;
  readonly platform: string;
  /** Of the last minute, at the end: how much else the machine has had to do, and this itself. */
  readonly load: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** Packages whose versions a figure depends on. */
const PACKAGES = ["merino", "piscina", "tinypool", "workerpool", "moleculer", "@grpc/grpc-js"];

function describeMachine(): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    cpu: cpus()[0]?.model.trim() || "unknown processor",
    processors: availableParallelism(),
    platform: `${process.platform}-${process.arch} ${release()}`,
    load: Number((loadavg()[0] ?? 0).toFixed(1)),
    versions: Object.fromEntries(
      PACKAGES.flatMap((name) => versionOf(name).map((version) => [name, version])),
    ),
  };
}

function machineText({ date, node, cpu, processors, platform, load, versions }: Machine): string {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${date}, Node ${node}, ${platform}, ${cpu}, ${processors} processors, load ${load}; ${packages.join(", ")}`;
}

function versionOf(name: string): readonly string[] {
  const folders = name === "merino" ? ["../../"] : ["../../node_modules/", "../jobs/node_modules/"];
  for (const folder of folders) {
    try {
      const file = new URL(`${folder}${name === "merino" ? "" : `${name}/`}package.json`, import.meta.url);
      return [(JSON.parse(readFileSync(file, "utf8")) as { version: string }).version];
    } catch {
      // It is in the other folder, or not installed.
    }
  }
  return [];
}

function targetTable(targets: readonly Target[]): Table {
  return {
    title: "Targets",
    head: ["", "measured", "target", ""],
    rows: targets.map((target) => [
      target.name,
      `${target.value.toFixed(2)} ${target.unit}`,
      `${target.rule} ${Number(target.limit.toFixed(2))} ${target.unit}`,
      target.met ? "met" : "MISSED",
    ]),
  };
}
