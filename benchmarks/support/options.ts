/** The command line of a benchmark: what all of them take, and what those take that compare two commits. */
import { parseArgs } from "node:util";
import { BenchmarkError } from "./benchmark-error.ts";

export interface BenchmarkOptions {
  /** Fewer and shorter rounds: shows that everything runs; the figures are rough. */
  readonly quick: boolean;
  /** One JSON document on standard output instead of tables. */
  readonly json: boolean;
  /** Exit with code 1 if a target is missed, or in a comparison if a row is worse. */
  readonly check: boolean;
  /** Tables as Markdown. */
  readonly markdown?: boolean;
  /** Puts these into docs/performance.md, in the place of those that are there. */
  readonly write?: boolean;
  /** Names of rows or parts of such names, as they were given; none means all. */
  readonly rows?: readonly string[];
}

/** What a comparison with another commit is told beyond that. */
export interface ComparisonOptions extends BenchmarkOptions {
  /** Names the other commit: a branch, a tag, a hash, `HEAD~3`. */
  readonly ref: string;
  /** How often both are measured. */
  readonly pairs: number;
  readonly rows: readonly string[];
}

const PAIRS = 9;
const QUICK_PAIRS = 3;
/** Fewer say nothing about how much the figures vary by themselves. */
const LEAST_PAIRS = 3;

/**
 * Reads the arguments of a benchmark.
 *
 * @param comparable Whether this benchmark takes `--against`.
 * @param selectable Whether it takes `--rows`, `--markdown` and `--write` by itself.
 * @throws BenchmarkError naming the argument that is wrong.
 */
export function parseBenchmarkOptions(
  args: readonly string[],
  { comparable, selectable = false }: { readonly comparable: boolean; readonly selectable?: boolean },
): BenchmarkOptions | ComparisonOptions {
  const selection = selectable ? " --rows name,name --markdown --write" : "";
  const usage = `Options: --quick --json --check${selection}${comparable ? "; --against REF [--pairs n] [--rows name,name]" : ""}`;
  const { against, pairs, rows, markdown, write, ...options } = parse(args, usage);
  const names = (rows ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (against === undefined) {
    if (pairs === undefined && selectable) return { ...options, markdown, write, rows: names };
    if (pairs === undefined && rows === undefined && !markdown && !write) return options;
    throw new BenchmarkError(`--pairs and --rows belong to a comparison: add --against REF\n${usage}`);
  }
  if (markdown || write) throw new BenchmarkError(`--against has neither --markdown nor --write\n${usage}`);
  if (!comparable) {
    throw new BenchmarkError(
      `This benchmark is not compared with another commit; those of calls, start-up and memory are\n${usage}`,
    );
  }
  const count = Number(pairs ?? (options.quick ? QUICK_PAIRS : PAIRS));
  if (!Number.isInteger(count) || count < LEAST_PAIRS) {
    throw new BenchmarkError(`--pairs must be a whole number from ${LEAST_PAIRS}, not '${pairs}'\n${usage}`);
  }
  return { ...options, ref: against, pairs: count, rows: names };
}

function parse(args: readonly string[], usage: string) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        check: { type: "boolean", default: false },
        markdown: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
        against: { type: "string" },
        pairs: { type: "string" },
        rows: { type: "string" },
      },
    });
    return values;
  } catch (error) {
    throw new BenchmarkError(`${error instanceof Error ? error.message : error}\n${usage}`, { cause: error });
  }
}
