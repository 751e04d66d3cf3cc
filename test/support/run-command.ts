/** The `merino` command within the process of a test. */
import { runProgram } from "../../src/cli/program.ts";

/** What a command has said and how it has ended. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command within this process. */
export async function runCommand(words: readonly string[]): Promise<CommandResult> {
  let stdout = "";
  let stderr = "";
  const exitCode = await runProgram(words, {
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
  });
  return { exitCode, stdout, stderr };
}
