/** Runs a program of the examples as its users do: in a process of its own, from the repository, with tsx. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { eventually } from "./eventually.ts";
import { ROOT } from "./repository.ts";

/** A running program. Disposing kills it and everything it has started. */
export interface RunningExample extends AsyncDisposable {
  readonly process: ChildProcess;
  /** What it has written so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves with the match once standard output, or the stream named, has what is looked for. */
  shows(pattern: RegExp, stream?: "stdout" | "stderr"): Promise<RegExpExecArray>;
  /** Resolves with the exit code when it has ended and all its output is there. */
  readonly ended: Promise<number | null>;
}

/** Generous: starting several processes under tsx takes seconds on a busy machine. */
const SHOWS_WITHIN_MS = 40_000;

/** How it is run. */
export interface ExampleOptions {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /**
   * Node's flags for TypeScript. Default: tsx. A program that a test runs with it once may run with those of the tests,
   * `TYPESCRIPT_FLAGS`, from then on: it and its workers start in half the time.
   */
  readonly flags?: readonly string[];
}

/**
 * Starts a program.
 *
 * @param program Path of its main file, from `examples/`.
 */
export function runExample(
  program: string,
  { args = [], env = {}, flags = ["--import", "tsx"] }: ExampleOptions = {},
): RunningExample {
  return runCommand(process.execPath, [...flags, path.join(ROOT, "examples", program), ...args], env);
}

/** Starts any command in the repository's folder, without what the test runner has put into the environment. */
export function runCommand(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): RunningExample {
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...inherited } = process.env;
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // A process group of its own, as a shell gives it; what it starts is in it too.
  });
  return watchProgram(child, () => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  });
}

/**
 * Keeps what a program writes.
 *
 * @param child Its standard output and error are pipes.
 * @param kill How it is killed when it still runs in the end.
 */
export function watchProgram(
  child: ChildProcess,
  kill: () => void = () => child.kill("SIGKILL"),
): RunningExample {
  const written = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (text: string) => {
      written[stream] += text;
    });
  }
  const ended = once(child, "close").then(([code]) => code as number | null);
  ended.catch(() => {}); // Whoever cares awaits it.
  return {
    process: child,
    ended,
    get stdout() {
      return written.stdout;
    },
    get stderr() {
      return written.stderr;
    },
    shows(pattern, stream = "stdout") {
      return eventually(
        () => {
          const found = pattern.exec(written[stream]);
          if (found === null && child.exitCode !== null) {
            assert.fail(
              `ended with ${child.exitCode} and without ${pattern}:\n${written.stdout}${written.stderr}`,
            );
          }
          return found;
        },
        { withinMs: SHOWS_WITHIN_MS, what: `the program shows ${pattern}` },
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}\nstdout: ${written.stdout}\nstderr: ${written.stderr}`, {
          cause: error,
        });
      });
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        try {
          kill();
        } catch {
          // It has ended in this very moment.
        }
      }
      await ended.catch(() => {});
    },
  };
}
