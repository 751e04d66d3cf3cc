/**
 * What do context variables cost? The same short call from five programs, by turns: one that has none, one that has
 * three and has set none of them, one whose calls carry all three, and one whose routine reads them as well. On Node 20
 * a program pays for every promise as soon as it has run anything in an `AsyncLocalStorage`, as every server with a
 * logger does; so one without variables that does that is beside them.
 *
 * Run with `node --import tsx benchmarks/context.ts`, once the package is built; options `--quick --json --check`.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { median, medianRatio } from "./support/statistics.ts";
import { atLeast, atMost } from "./support/target.ts";

const PROBE = fileURLToPath(new URL("./probes/context.mjs", import.meta.url));
const MODES = ["none", "unset", "store", "three", "read"] as const;
const TITLES: Readonly<Record<Mode, string>> = {
  none: "a program without variables",
  unset: "three variables, none of them set",
  store: "none, but calls in an AsyncLocalStorage of its own",
  three: "three set, which the routine does not read",
  read: "three set, which the routine reads",
};

type Mode = (typeof MODES)[number];

/** What calls have taken, each. */
interface Figures {
  readonly callerUs: number;
  readonly workerUs: number;
  readonly callsPerSecond: number;
}

interface Program {
  readonly mode: Mode;
  readonly child: ChildProcess;
  readonly rounds: Figures[];
}

async function measureContext({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const rounds = quick ? 3 : 15;
  const calls = quick ? 5_000 : 30_000;
  const programs: Program[] = [];
  try {
    for (const mode of MODES) programs.push(await start(mode));
    for (const program of programs) await measure(program, calls);
    for (let round = 0; round < rounds; round++) {
      note(`round ${round + 1} of ${rounds}`);
      for (let turn = 0; turn < programs.length; turn++) {
        const program = programs[(turn + round) % programs.length] as Program;
        program.rounds.push(await measure(program, calls));
      }
    }
  } finally {
    await Promise.all(programs.map(stop));
  }
  return summarize(programs, rounds);
}

async function start(mode: Mode): Promise<Program> {
  const child = fork(PROBE, [mode], { execArgv: [] });
  await once(child, "message");
  return { mode, child, rounds: [] };
}

async function measure({ child }: Program, calls: number): Promise<Figures> {
  const answered = once(child, "message");
  child.send(calls);
  const [figures] = (await answered) as [Figures];
  return figures;
}

async function stop({ child }: Program): Promise<void> {
  const exited = once(child, "exit");
  child.disconnect();
  await exited;
}

function summarize(programs: readonly Program[], rounds: number): BenchmarkResult {
  const series = (mode: Mode, figure: keyof Figures): number[] =>
    (programs.find((program) => program.mode === mode)?.rounds ?? []).map((round) => round[figure]);
  const more = (mode: Mode, figure: keyof Figures, than: Mode): number => {
    const base = series(than, figure);
    return median(series(mode, figure).map((value, round) => value - (base[round] ?? Number.NaN)));
  };
  return {
    data: { rounds, programs: programs.map((program) => ({ mode: program.mode, rounds: program.rounds })) },
    tables: [
      {
        title: `add(x, y), 100 in flight, one worker (medians of ${rounds} rounds)`,
        head: ["", "calls/s", "caller's CPU, µs", "than with none", "worker's CPU, µs", "than with none"],
        rows: MODES.map((mode) => [
          TITLES[mode],
          Math.round(median(series(mode, "callsPerSecond"))).toLocaleString("en-US"),
          median(series(mode, "callerUs")).toFixed(2),
          more(mode, "callerUs", "none").toFixed(2),
          median(series(mode, "workerUs")).toFixed(2),
          more(mode, "workerUs", "none").toFixed(2),
        ]),
      },
    ],
    targets: [
      atLeast(
        "calls per second with variables that are not set, ratio to none",
        medianRatio(series("unset", "callsPerSecond"), series("none", "callsPerSecond")),
        0.99,
        "×",
      ),
      ...(["three", "read"] as const).flatMap((mode) => [
        atMost(`${TITLES[mode]}: CPU of the caller, to a store`, more(mode, "callerUs", "store"), 1, "µs"),
        atMost(`${TITLES[mode]}: CPU of the worker, to a store`, more(mode, "workerUs", "store"), 1, "µs"),
      ]),
    ],
  };
}

await runBenchmark("context", measureContext);
