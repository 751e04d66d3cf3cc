/**
 * Starts the process of a worker: which executable, which options, which environment and directory, what
 * it is told. Owns nothing once the process runs; how it lives and ends is `process-worker.ts`.
 */
import { type ChildProcess, fork } from "node:child_process";
import type { ResolvedProcessWorkerOptions } from "../process-worker-options.ts";
import { launchArguments } from "./arguments.ts";
import { launchDirectory } from "./directory.ts";
import { formatHostInit, HOST_INIT_VARIABLE, type HostInit } from "./host-init.ts";
import { parentDeathCommand } from "./parent-death.ts";

/** What a host is started with. */
export interface HostLaunch {
  /** The host's entry module. */
  readonly hostUrl: URL;
  readonly init: HostInit;
  readonly options: ResolvedProcessWorkerOptions;
}

/** A host that only needs to be forked. */
export interface PreparedHost {
  /**
   * Forks it, with an IPC channel and piped output.
   *
   * @returns The process, which may still report by its 'error' event that it could not be started.
   * @throws The system's error, where that is known at once.
   */
  fork(): ChildProcess;
  /** Whether a guardian has to be told of the process, for it to end when this one does. */
  readonly guardian: boolean;
}

/** Finds out how to start a host such that it ends with this process, however that ends. */
export async function prepareHost(launch: HostLaunch): Promise<PreparedHost> {
  const { hostUrl, init, options } = launch;
  const { execArgv, env, argv } = process;
  const inherited = launchArguments({ execArgv, env, argv });
  // What the user adds is not filtered: it was written for the worker.
  const command = await parentDeathCommand(process.execPath, [...inherited.execArgv, ...options.execArgv]);
  const cwd = launchDirectory();
  return {
    guardian: command.guardian,
    fork: () =>
      fork(hostUrl, argv.slice(2), {
        execPath: command.execPath,
        execArgv: command.execArgv,
        env: { ...inherited.env, ...options.env, [HOST_INIT_VARIABLE]: formatHostInit(init) },
        ...(cwd === undefined ? {} : { cwd }),
        serialization: "json",
        // Standard input stays with this process: two readers would each get a part of it.
        stdio: ["ignore", "pipe", "pipe", "ipc"],
      }),
  };
}
