/**
 * Runs other programs for a comparison: git, npm. Each has a process group of its own, which ends as a whole when
 * the comparison is interrupted; otherwise a compiler would go on writing into a folder that has been removed.
 */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

export interface CommandOptions {
  readonly cwd: string;
  /** Variables beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface CommandResult {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end, whatever its exit code.
 *
 * @throws the reason of the signal if it fires, once the program has ended.
 * @throws Error with the code ENOENT if there is no such program.
 */
export async function runCommand(
  program: string,
  parameters: readonly string[],
  { cwd, env, signal }: CommandOptions,
): Promise<CommandResult> {
  signal.throwIfAborted();
  const child = spawn(program, parameters, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // The group has ended already.
    }
  };
  signal.addEventListener("abort", kill, { once: true });
  try {
    const closed = new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    const [code, stdout, stderr] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
    signal.throwIfAborted();
    return { code, stdout, stderr };
  } finally {
    signal.removeEventListener("abort", kill);
  }
}
