/**
 * Starts the process of a worker: which executable, which options, which environment and directory, what
 * it is told. Owns nothing once the process runs; `worker-child.ts` watches it, and `process-worker.ts` ends it.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ResolvedProcessWorkerOptions } from "../process-worker-options.ts";
import { launchDirectory } from "./directory.ts";
import { launchArguments } from "./inheritance.ts";
import { parentDeathCommand } from "./kill-with-parent.ts";
import type { ProgramState } from "./program-state.ts";
import { formatWorkerInit, WORKER_INIT_VARIABLE, type WorkerInit } from "./worker-init.ts";

/** Settings with which a worker process is started. */
export interface WorkerLaunch {
  /** The module that it runs. */
  readonly programUrl: URL;
  readonly init: WorkerInit;
  readonly options: ResolvedProcessWorkerOptions;
  /** What it takes over. */
  readonly program: ProgramState;
}

/** A worker process that only needs to be forked. */
export interface PreparedWorker {
  /**
   * Forks it, with an IPC channel. A worker of the command writes to the command's own output,
   * while those of a pool have theirs piped. One on the network has a pipe to its parent at {@link PARENT_PIPE}.
   *
   * @returns The process, which may still report by its 'error' event that it could not be started.
   * @throws The system's error, if starting fails at once.
   */
  fork(): ChildProcess;
  /** Whether a guardian has to be told of the process, for it to end when this one does. */
  readonly guardian: boolean;
}

/** Standard streams and channel. */
const OWN_STREAMS = ["ignore", "pipe", "pipe", "ipc"] as const;
const COMMANDS_STREAMS = ["inherit", "inherit", "inherit", "ipc"] as const;

/** Finds out how to start a worker process such that it ends with this one, however that ends. */
export async function prepareWorker(launch: WorkerLaunch): Promise<PreparedWorker> {
  const { programUrl, init, options, program } = launch;
  const inherited = launchArguments(program);
  // Options that the user adds are not filtered: they were written for the worker.
  const command = await parentDeathCommand(process.execPath, [...inherited.execArgv, ...options.execArgv]);
  const cwd = launchDirectory();
  return {
    guardian: command.guardian,
    fork: () =>
      // As a path, which tools that wrap `fork` understand as well.
      fork(fileURLToPath(programUrl), program.argv.slice(2), {
        execPath: command.execPath,
        execArgv: command.execArgv,
        env: { ...inherited.env, ...options.env, [WORKER_INIT_VARIABLE]: formatWorkerInit(init) },
        ...(cwd === undefined ? {} : { cwd }),
        serialization: "json",
        // A pool's program keeps its standard input: two readers would each get a part of it.
        stdio: [
          ...(init.service === undefined ? OWN_STREAMS : COMMANDS_STREAMS),
          ...(init.network === undefined ? [] : (["pipe"] as const)),
        ],
      }),
  };
}
