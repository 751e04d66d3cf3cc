/**
 * A worker in a thread of this process, as its parent sees it: which program it runs, and with what. Its life is in
 * `process/worker-life.ts`; the thread itself and its output are in `worker-thread.ts`. It knows nothing of tasks.
 */
import { HandshakeError } from "../errors/handshake-error.ts";
import { WorkerStartError } from "../errors/worker-start-error.ts";
import { type PackageFile, packageFile } from "../internal/package-files.ts";
import { startThread } from "../internal/start-thread.ts";
import { launchDirectory } from "../process/launch/directory.ts";
import { type ProgramState, programState } from "../process/launch/program-state.ts";
import type { WorkerInit } from "../process/launch/worker-init.ts";
import type {
  ChildMessage,
  ParentMessage,
  Worker,
  WorkerContext,
  WorkerExit,
  WorkerFactory,
} from "../process/worker.ts";
import { WorkerLife } from "../process/worker-life.ts";
import type { Carrier } from "../session/carrier.ts";
import { createSleepMemory } from "../transport/thread/sleep-word.ts";
import { version } from "../wire/version.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { threadArguments, withoutRefused } from "./thread-arguments.ts";
import type { ThreadInit } from "./thread-init.ts";
import {
  type ResolvedThreadWorkerOptions,
  resolveThreadWorkerOptions,
  type ThreadWorkerOptions,
} from "./thread-worker-options.ts";
import { WorkerThread } from "./worker-thread.ts";

/** The module that the thread runs. Named here, never imported. */
const PROGRAM: PackageFile = { source: "host/thread-main", built: "host/thread-main" };

/** Settings with which a thread is started. */
interface ThreadLaunch {
  readonly programUrl: URL;
  readonly init: WorkerInit;
  readonly options: ResolvedThreadWorkerOptions;
  /** What it takes over. */
  readonly program: ProgramState;
}

/** Runs a worker in a thread of this process. Pools make them through {@link ThreadWorker.factory}, or `worker: "thread"`. */
export class ThreadWorker implements Worker {
  readonly uid: string;
  readonly #life: WorkerLife;
  #thread: WorkerThread | undefined;

  /**
   * Makes the factory that a pool takes as its `worker` option.
   *
   * @param options How the threads are started and what they advertise; `programUrl` replaces the module that they run.
   * @throws {@link InvalidOptionError} for an option that cannot be accepted.
   * @example
   * const worker = ThreadWorker.factory({ resourceLimits: { maxOldGenerationSizeMb: 512 } });
   * await using pool = await WorkerPool.open({ size: 2, worker });
   */
  static factory(options: ThreadWorkerOptions & { readonly programUrl?: URL } = {}): WorkerFactory {
    const { programUrl: given, ...rest } = options;
    const resolved = resolveThreadWorkerOptions(rest);
    const programUrl = given ?? programFile(); // after the options have been checked
    return (context) => {
      const init: WorkerInit = {
        uid: context.uid,
        socketPath: context.socketPath,
        tags: context.tags,
        extra: context.extra,
        entry: context.entry,
        importTimeoutMs: Number.isFinite(resolved.importTimeoutMs) ? resolved.importTimeoutMs : null,
        options: resolved.channel,
        ...((resolved.trust ?? context.trust) !== undefined && { trusted: true }),
        modules: resolved.modules,
        warm: context.warm,
        preload: context.preload,
        resources: resolved.resources ?? context.resources,
        maxReservationMs: resolved.maxReservationMs,
        accept: resolved.accept,
        discoveries: context.discoveries,
        siblings: context.siblings,
        reports: context.reports,
      };
      const program = context.program ?? programState();
      return new ThreadWorker({ programUrl, init, options: resolved, program }, context);
    };
  }

  private constructor(launch: ThreadLaunch, context: WorkerContext) {
    this.uid = context.uid;
    this.#life = new WorkerLife({
      uid: context.uid,
      startTimeoutMs: launch.options.startTimeoutMs ?? context.startTimeoutMs,
      maker: "ThreadWorker",
      trust: launch.options.trust ?? context.trust,
      prepare: async () => (events) => {
        const sleep = createSleepMemory();
        const { socketPath } = launch.init;
        this.#thread = new WorkerThread(launchThread(launch, sleep), { socketPath, sleep }, events);
        return this.#thread;
      },
      explainUnstarted,
    });
  }

  /** Id of this process; undefined before the thread has been started, and if that failed. */
  get pid(): number | undefined {
    return this.#life.pid;
  }

  get exited(): Promise<WorkerExit> {
    return this.#life.exited;
  }

  get onMessage(): ((message: ChildMessage) => void) | undefined {
    return this.#life.onMessage;
  }

  set onMessage(onMessage: ((message: ChildMessage) => void) | undefined) {
    this.#life.onMessage = onMessage;
  }

  start(): Promise<WorkerMetadata> {
    return this.#life.start();
  }

  stop(options: { readonly killAfter: number }): Promise<WorkerExit> {
    return this.#life.stop(options);
  }

  notify(message: ParentMessage): void {
    this.#life.notify(message);
  }

  async connect(): Promise<Carrier> {
    if (this.#thread !== undefined && this.#life.ready) return this.#thread.connect();
    throw new HandshakeError(`The worker '${this.uid}' does not serve`);
  }
}

/** @throws Node's error, if the thread cannot be started so. */
function launchThread(
  { programUrl, init, options, program }: ThreadLaunch,
  sleep: SharedArrayBuffer,
): ReturnType<typeof startThread> {
  const inherited = threadArguments(program, launchDirectory());
  const merino: ThreadInit["merino"] = {
    init,
    env: withoutUndefined({ ...inherited.env, ...options.env }),
    execArgv: inherited.execArgv,
    sleep,
  };
  let args: readonly string[] = inherited.execArgv;
  for (;;) {
    try {
      return startThread(programUrl, {
        argv: program.argv.slice(2),
        execArgv: [...args, ...options.execArgv],
        name: options.name,
        resourceLimits: options.resourceLimits,
        stdin: false,
        workerData: { merino } satisfies ThreadInit,
      });
    } catch (error) {
      const fewer = withoutRefused(args, error);
      if (fewer === undefined) throw error;
      args = fewer;
    }
  }
}

function explainUnstarted(error: unknown): string {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  const text = typeof message === "string" ? message : String(error);
  const advice =
    code === "ERR_WORKER_INVALID_EXEC_ARGV"
      ? "; look at execArgv of ThreadWorker.factory(): options of V8 and of the process hold for all threads, and belong to the program"
      : code === "ERR_ACCESS_DENIED"
        ? "; start the program with --allow-worker"
        : "";
  return `its thread could not be started: ${text}${advice}`;
}

function withoutUndefined(env: NodeJS.ProcessEnv): Record<string, string> {
  const present: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) present[name] = value;
  return present;
}

function programFile(): URL {
  const file = packageFile(PROGRAM, version);
  if (typeof file !== "string") return file;
  throw new WorkerStartError(file);
}
