/** Runs a program with the SDK, which takes each of its processes a second of processor time to load. */
import { runCommand } from "../../support/run-example.ts";
import type { RunResult } from "../../support/run-node.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";

/** Runs Node to its end, however long that takes on a busy machine. @param args What stands behind the loader's flags. */
export async function runTraced(args: readonly string[], env: NodeJS.ProcessEnv): Promise<RunResult> {
  await using program = runCommand(process.execPath, [...TYPESCRIPT_FLAGS, ...args], env);
  const exitCode = await program.ended;
  return { exitCode, stdout: program.stdout, stderr: program.stderr };
}
