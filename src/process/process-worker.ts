/**
 * A worker process as its parent sees it: which program it runs, and with what. Its life is in `worker-life.ts`; the
 * process itself, its channel and its output are in `worker-child.ts`. It knows nothing of tasks.
 */
import { randomUUID } from "node:crypto";
import { assertUsable } from "../credentials/uses.ts";
import { WorkerStartError } from "../errors/worker-start-error.ts";
import { awaitedFirst } from "../internal/awaited-first.ts";
import { type PackageFile, packageFile } from "../internal/package-files.ts";
import { removeAtExit } from "../internal/remove-at-exit.ts";
import { socketPath } from "../transport/unix/socket-path.ts";
import { version } from "../wire/version.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { announceEnd, LISTENER_KILLS_AFTER_MS } from "./announce-end.ts";
import { explainSpawnError } from "./exit-explanation.ts";
import { programEntry } from "./launch/entry-module.ts";
import { prepareWorker, type WorkerLaunch } from "./launch/fork-worker.ts";
import { prepareParentDeath } from "./launch/kill-with-parent.ts";
import { programState } from "./launch/program-state.ts";
import type { ServiceInit } from "./launch/worker-init.ts";
import { refusalToOpen } from "./open-permit.ts";
import { type OpenWorkerOptions, resolveOpenWorker } from "./open-worker-options.ts";
import { type ProcessWorkerOptions, resolveProcessWorkerOptions } from "./process-worker-options.ts";
import { RunningWorker } from "./running-worker.ts";
import { ToldWorker } from "./told-worker.ts";
import type {
  ChildMessage,
  ParentMessage,
  Worker,
  WorkerContext,
  WorkerExit,
  WorkerFactory,
} from "./worker.ts";
import { WorkerChild } from "./worker-child.ts";
import { WorkerLife } from "./worker-life.ts";

/** The module that the process runs. Named here, never imported. */
const PROGRAM: PackageFile = { source: "host/main", built: "host/main" };

/** As a pool's, unless `startTimeout` says otherwise. */
const DEFAULT_START_TIMEOUT_MS = 60_000;

/** Runs a worker in a process of its own. Pools make them through {@link ProcessWorker.factory}. */
export class ProcessWorker implements Worker {
  readonly uid: string;
  readonly #launch: WorkerLaunch;
  readonly #life: WorkerLife;

  /**
   * Makes the factory that a pool takes as its `worker` option.
   *
   * @param options How the processes are started and what they advertise; `programUrl` replaces the
   *   module that they run. `service` makes them workers of the command, which belong to no program: they serve
   *   their modules only, write to the output of this process themselves, and leave it to their parent to stop them.
   * @throws {@link InvalidOptionError} for an option that cannot be accepted.
   * @example
   * const worker = ProcessWorker.factory({ execArgv: ["--max-old-space-size=512"] });
   * await using pool = await WorkerPool.open({ size: 2, worker });
   */
  static factory(
    options: ProcessWorkerOptions & {
      readonly programUrl?: URL;
      readonly service?: ServiceInit | undefined;
    } = {},
  ): WorkerFactory {
    const resolved = resolveProcessWorkerOptions(options);
    const programUrl = options.programUrl ?? programFile(); // after the options have been checked
    const { service } = options;
    const make = (context: WorkerContext): ProcessWorker => {
      const program = context.program ?? programState();
      const init = {
        uid: context.uid,
        socketPath: context.socketPath,
        tags: context.tags,
        extra: context.extra,
        entry: context.entry,
        cwd: program.cwd,
        // JSON has no word for an infinite number.
        importTimeoutMs: Number.isFinite(resolved.importTimeoutMs) ? resolved.importTimeoutMs : null,
        options: resolved.channel,
        ...((resolved.trust ?? context.trust) !== undefined && { trusted: true }),
        network: resolved.network,
        maxHeldBytes: resolved.maxHeldBytes,
        modules: resolved.modules,
        warm: context.warm,
        preload: context.preload,
        resources: resolved.resources ?? context.resources,
        maxReservationMs: resolved.maxReservationMs,
        accept: resolved.accept,
        ...resolved.access,
        discoveries: context.discoveries,
        siblings: context.siblings,
        reports: context.reports,
        service,
      };
      return new ProcessWorker({ programUrl, init, options: resolved, program }, context);
    };
    return Object.assign(make, { prepare: prepareParentDeath });
  }

  /**
   * Starts one worker, without a pool, and announces it for others to find: a worker that lives for as long as this
   * program wants, or as this process does. Like an open pool, it does not keep the process alive; `await worker.exited` does.
   *
   * In a worker that imports the program's entry module it never settles, as `WorkerPool.open`.
   *
   * @param options As for {@link ProcessWorker.factory}, and where and how it is announced.
   * @returns The worker, which serves. Whoever has opened it closes it.
   * @throws {@link InvalidOptionError} for an option that cannot be accepted, also by the discovery.
   * @throws {@link WorkerStartError} when it does not come up. Nothing is left running.
   * @throws {@link PoolInWorkerError} when any other module opens a worker while a worker imports it.
   * @example
   * await using worker = await ProcessWorker.open({ discovery: new LocalDiscovery("thumbs"), tags: ["gpu"] });
   * console.log(worker.address);
   */
  static open(options: OpenWorkerOptions = {}): Promise<RunningWorker> {
    return awaitedFirst(ProcessWorker.#open(options), "ProcessWorker.open()", RunningWorker.prototype);
  }

  static async #open(options: OpenWorkerOptions): Promise<RunningWorker> {
    const refusal = refusalToOpen("worker");
    if (refusal !== undefined) return refusal;
    const { discovery, announcedIn, tags, extra, warm, factory } = resolveOpenWorker(options);
    const create = ProcessWorker.factory(factory);
    const path = socketPath();
    removeAtExit(path);
    const worker = create({
      uid: randomUUID(),
      socketPath: path,
      tags,
      extra,
      warm,
      startTimeoutMs: DEFAULT_START_TIMEOUT_MS,
      entry: programEntry(),
      program: programState(),
      discoveries: announcedIn,
    });
    return RunningWorker.start(new ToldWorker(worker), { socketPath: path, discovery });
  }

  private constructor(launch: WorkerLaunch, context: WorkerContext) {
    this.uid = context.uid;
    this.#launch = launch;
    const { init, options } = launch;
    const trust = options.trust ?? context.trust;
    this.#life = new WorkerLife({
      uid: context.uid,
      startTimeoutMs: options.startTimeoutMs ?? context.startTimeoutMs,
      maker: "ProcessWorker",
      trust,
      assertUsable: (material) => {
        if (trust !== undefined && init.network !== undefined) assertUsable(material, trust.policy, "worker");
      },
      async prepare() {
        const { fork, guardian } = await prepareWorker(launch);
        const isUnhurried = context.unhurried === true;
        return (events) => new WorkerChild(fork(), { init, guardian, isUnhurried }, events);
      },
      explainUnstarted: (error) => `its process ${explainSpawnError(error)}`,
    });
  }

  /** Process id, also after its end; undefined before the process has been forked, and if that failed. */
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
    if (this.#life.ready && !this.#life.stopping) this.#announceEnd(options.killAfter);
    return this.#life.stop(options);
  }

  notify(message: ParentMessage): void {
    this.#life.notify(message);
  }

  /** Beside the request to stop, which a blocked main thread does not read. */
  #announceEnd(killAfter: number): void {
    const { network, socketPath } = this.#launch.init;
    if (network === undefined) return;
    if (killAfter > 0 && killAfter <= LISTENER_KILLS_AFTER_MS) void announceEnd(socketPath);
  }
}

function programFile(): URL {
  const file = packageFile(PROGRAM, version);
  if (typeof file !== "string") return file;
  throw new WorkerStartError(file);
}
