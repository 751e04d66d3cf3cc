/**
 * Decides which Node options a thread is started with. It inherits what a worker process would, as far as Node takes it
 * for a thread: what concerns the process as a whole holds there anyway. Pure.
 */
import { resolve } from "node:path";
import { type LaunchArguments, launchArguments } from "../process/launch/inheritance.ts";
import type { ProgramState } from "../process/launch/program-state.ts";

/** Options whose value names a module. */
const OF_MODULES = /^(--import|--require|-r|--loader|--experimental-loader)(?:=(.*))?$/s;

/**
 * Computes the options and variables that a thread inherits.
 *
 * @param directory In which the program was started; relative names of modules were meant for it.
 */
export function threadArguments(program: ProgramState, directory: string | undefined): LaunchArguments {
  const { execArgv, env } = launchArguments(program);
  return {
    // A debugger of the process sees its threads.
    execArgv: absoluteModules(
      execArgv.filter((arg) => !arg.startsWith("--inspect")),
      directory,
    ),
    env,
  };
}

/**
 * Leaves out the options that Node has refused for a thread.
 *
 * @param error Of `new Worker`.
 * @returns Undefined if it is about something else.
 */
export function withoutRefused(args: readonly string[], error: unknown): readonly string[] | undefined {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (code !== "ERR_WORKER_INVALID_EXEC_ARGV" || typeof message !== "string") return undefined;
  const refused = message.slice(message.indexOf(": ") + 2).split(", ");
  const kept = args.filter((arg) => !refused.includes(arg));
  return kept.length === args.length ? undefined : kept;
}

function absoluteModules(args: readonly string[], directory: string | undefined): string[] {
  if (directory === undefined) return [...args];
  const absolute = (name: string): string => (/^\.{1,2}\//.test(name) ? resolve(directory, name) : name);
  let follows = false;
  return args.map((arg) => {
    if (follows) {
      follows = false;
      return absolute(arg);
    }
    const [, option, value] = OF_MODULES.exec(arg) ?? [];
    if (option === undefined) return arg;
    if (value !== undefined) return `${option}=${absolute(value)}`;
    follows = true;
    return arg;
  });
}
