/**
 * Finds the module that the program was started with. Code without a file (`--eval`, standard input, the
 * REPL) has none. It reads the process's arguments; it imports nothing.
 */
import { realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { requireFrom } from "../../internal/require-from.ts";
import { workerRole } from "../../internal/worker-role.ts";
import { currentDirectory, launchDirectory } from "./directory.ts";
import { isEvaluated } from "./inheritance.ts";

/** How a program was started. */
export interface ProgramStart {
  /** `process.argv`. */
  readonly argv: readonly string[];
  /** `process.execArgv`. */
  readonly execArgv: readonly string[];
  /** Directory in which it was started. */
  readonly cwd: string | undefined;
}

/**
 * Determines the program's entry module.
 *
 * The argument names it as a user would: a directory, a symbolic link, a file without its extension.
 * Resolving it as CommonJS does and following links gives the module that runs, under either module system.
 *
 * @param start Default: this process.
 * @returns Its `file:` URL, or `undefined` if there is none.
 */
export function entryModule(start: ProgramStart = thisProcess()): string | undefined {
  const named = start.argv[1];
  if (named === undefined || named === "" || named === "-" || isEvaluated(start.execArgv)) return undefined;
  try {
    const cwd = start.cwd ?? resolve("/");
    // With --entry-url the argument is a URL.
    const path = /^file:/i.test(named) ? fileURLToPath(named) : resolve(cwd, named);
    return pathToFileURL(realpathSync(requireFrom(join(cwd, "entry.js")).resolve(path))).href;
  } catch {
    // Standard input with arguments, a file removed since: nothing a worker could import.
    return undefined;
  }
}

/** The entry module of the program that this process runs, or belongs to as a worker; undefined if it has none. */
export function programEntry(): string | undefined {
  const role = workerRole();
  // In a worker, the entry of this process is the worker host; the program is that of its parent.
  return role === undefined ? entryModule() : role.entry;
}

function thisProcess(): ProgramStart {
  return { argv: process.argv, execArgv: process.execArgv, cwd: launchDirectory() ?? currentDirectory() };
}
