/** Runs the fixture program that owns workers, in a process of its own. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { eventually } from "../../support/eventually.ts";
import { isAlive } from "./workers.ts";

/** A running program. Disposing it kills it. */
export interface Program extends AsyncDisposable {
  readonly child: ChildProcess;
  /** The next thing that it tells. */
  told(): Promise<unknown>;
  /** Everything it has printed when it has ended, and how it ended. */
  readonly ended: Promise<{
    readonly exitCode: number | null;
    readonly signal: string | null;
    readonly stdout: string;
    readonly stderr: string;
  }>;
}

/** Starts `fixtures/parent.ts` with the name of a scene and what that scene reads. */
export function runProgram(scene: string, ...rest: readonly string[]): Program {
  return runProgramWith({}, scene, ...rest);
}

/** The same with environment variables of its own. */
export function runProgramWith(env: NodeJS.ProcessEnv, scene: string, ...rest: readonly string[]): Program {
  const child = fork(new URL("./fixtures/parent.ts", import.meta.url), [scene, ...rest], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
  });
  const messages: unknown[] = [];
  child.on("message", (message) => messages.push(message));
  const exited = once(child, "exit");
  const ended = Promise.all([exited, read(child.stdout), read(child.stderr)]).then(
    ([[exitCode, signal], stdout, stderr]) => ({ exitCode, signal, stdout, stderr }),
  );
  return {
    child,
    ended,
    told: () =>
      eventually(() => messages.shift(), { withinMs: 20_000, what: `the scene '${scene}' tells something` }),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** Resolves when none of the processes is left. */
export async function allGone(pids: readonly number[]): Promise<void> {
  if (pids.length === 0 || pids.includes(0)) throw new Error(`No processes to wait for: ${pids}`);
  await eventually(() => !pids.some(isAlive), { what: `processes ${pids} have gone` });
}

async function read(stream: NodeJS.ReadableStream | null): Promise<string> {
  // A test may close its end early.
  return stream === null ? "" : await text(stream).catch(() => "");
}
