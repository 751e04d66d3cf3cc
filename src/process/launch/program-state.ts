/**
 * What workers take over from their program, at one moment. A pool keeps that of its opening, so that workers which
 * replace others later start as those did.
 */
import { currentDirectory } from "./directory.ts";

/** The state of a program, as its workers take it over. */
export interface ProgramState {
  /** Node's own options: `process.execArgv`. */
  readonly execArgv: readonly string[];
  /** `process.argv`. */
  readonly argv: readonly string[];
  /** A copy of `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The current directory; undefined if it has been removed. */
  readonly cwd: string | undefined;
}

/** Copies the state of this process, as it is now. */
export function programState(): ProgramState {
  const { execArgv, argv, env } = process;
  return { execArgv: [...execArgv], argv: [...argv], env: { ...env }, cwd: currentDirectory() };
}
