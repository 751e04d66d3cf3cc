/** Runs a short program in a process of its own. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

/** How a process ended and what it wrote. */
export interface RunResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What it is run with. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What it reads from standard input. Default: nothing. */
  readonly input?: string;
  /** Milliseconds after which it is killed. Default 30 000. */
  readonly timeoutMs?: number;
}

/** A process that takes longer is killed, so that a test fails rather than hangs. */
const TIMEOUT_MS = 30_000;

/**
 * Runs Node to its end. What its parent's test runner put into the environment is left out.
 *
 * @param args Everything after `node`.
 */
export async function runNode(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env;
  const child = spawn(process.execPath, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: options.timeoutMs ?? TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  child.stdin.end(options.input ?? "");
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [exitCode, stdout, stderr] = await Promise.all([exited, text(child.stdout), text(child.stderr)]);
  return { exitCode, stdout, stderr };
}
