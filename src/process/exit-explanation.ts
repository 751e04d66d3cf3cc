/**
 * Puts into words how a worker ended, or why its process could not be started. Pure text, for people: what
 * happened and, if a remedy is known, what to do.
 */
import { explainLimit, type ReachedLimit } from "../errors/reached-limit.ts";

/** How a worker ended. */
export interface WorkerEnd {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** The last lines it wrote to standard error; some ends can only be told apart by these. */
  readonly stderr?: string;
  readonly limit?: ReachedLimit | undefined;
}

/** Exit codes that Node itself uses, and those of a shell or launcher in front of it. */
const EXIT_CODES: Readonly<Record<number, string>> = {
  0: "it ended by itself: a module or a routine called process.exit(), or closed the channel to its parent",
  1: "an uncaught error, or a module or a routine that called process.exit(1)",
  3: "an internal error of Node, or a module or a routine that called process.exit(3)",
  5: "a fatal error in V8, or a module or a routine that called process.exit(5)",
  7: "an error inside an 'uncaughtException' handler, or a module or a routine that called process.exit(7)",
  9: "Node refused one of its options (look at execArgv, NODE_OPTIONS and those of this process), or a module or a routine called process.exit(9)",
  12: "Node refused an inspector option; look at execArgv and NODE_OPTIONS",
  13: "a top-level await that can never settle",
  126: "the launcher could not execute Node; look at its permissions",
  127: "the launcher (setpriv) could not find or start Node",
};

const SIGNALS: Readonly<Record<string, string>> = {
  SIGABRT: "Node aborted: most often out of memory, or a fatal error in V8 or a native addon",
  SIGBUS: "a memory error in native code, or a full memory-mapped file system",
  SIGFPE: "an arithmetic error in native code",
  SIGHUP: "its terminal was closed",
  SIGILL: "an illegal instruction: a native addon built for another processor, or a fatal error in V8",
  SIGINT: "it was interrupted",
  SIGKILL: "it was killed from outside, or by the system because memory ran out",
  SIGSEGV: "a memory error in native code, most often an addon",
  SIGTERM: "it was asked to terminate from outside",
  SIGTRAP: "a fatal error in V8, most often out of memory",
  SIGXCPU: "its limit of CPU time was reached",
};

/** Shells report a signal as 128 plus its number. */
const SIGNAL_NUMBERS: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  15: "SIGTERM",
};

const SPAWN_ERRORS: Readonly<Record<string, string>> = {
  E2BIG: "its arguments and environment are too large for the system; look at tags, extra and env",
  EACCES: "its executable may not be run",
  EAGAIN: "the limit of processes is reached (ulimit -u, or the container's pids limit)",
  EMFILE: "this process has too many open files (ulimit -n)",
  ENFILE: "the system has too many open files",
  ENOENT: "its executable or the directory to start it in does not exist",
  ENOMEM: "the system has no memory left for another process",
};

/**
 * Explains the end of a worker as a clause whose subject is the worker.
 *
 * @example
 * explainExit({ exitCode: undefined, signal: "SIGKILL" });
 * // => "was ended by SIGKILL (it was killed from outside, or by the system because memory ran out)"
 */
export function explainExit(end: WorkerEnd): string {
  if (end.limit !== undefined) return explainLimit(end.limit);
  const signal = end.signal ?? signalOfExitCode(end.exitCode);
  if (signal !== undefined) {
    const what =
      end.signal === undefined
        ? `exited with code ${end.exitCode}, which stands for ${signal}`
        : `was ended by ${signal}`;
    return withReason(what, isHeapExhausted(end.stderr) ? HEAP_EXHAUSTED : SIGNALS[signal]);
  }
  if (end.exitCode === undefined) return "ended";
  return withReason(`exited with code ${end.exitCode}`, EXIT_CODES[end.exitCode]);
}

/** Explains why a process could not be started at all, as a clause. */
export function explainSpawnError(error: unknown): string {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  const reason = typeof code === "string" ? SPAWN_ERRORS[code] : undefined;
  return withReason(`could not be started: ${typeof message === "string" ? message : String(error)}`, reason);
}

const HEAP_EXHAUSTED =
  "its JavaScript heap is exhausted; raise --max-old-space-size with execArgv, or send smaller pieces";

function isHeapExhausted(stderr: string | undefined): boolean {
  return stderr?.includes("JavaScript heap out of memory") ?? false;
}

function signalOfExitCode(exitCode: number | undefined): string | undefined {
  return exitCode === undefined || exitCode <= 128 ? undefined : SIGNAL_NUMBERS[exitCode - 128];
}

function withReason(what: string, reason: string | undefined): string {
  return reason === undefined ? what : `${what} (${reason})`;
}
