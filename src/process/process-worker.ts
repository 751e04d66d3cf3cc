/**
 * A worker process as its parent sees it: started, ready, gone. Says when the process begins and when it has to
 * end; the process itself, its channel and its output are in `worker-child.ts`. It knows nothing of tasks. An idle
 * worker never keeps this process alive, and a worker whose start failed has gone when `start()` rejects.
 */
import { randomUUID } from "node:crypto";
import type { Trust, TrustMaterial } from "../credentials/trust.ts";
import { assertUsable } from "../credentials/uses.ts";
import { CredentialsError } from "../errors/credentials-error.ts";
import { WorkerStartError } from "../errors/worker-start-error.ts";
import { awaitedFirst } from "../internal/awaited-first.ts";
import { createDeferred } from "../internal/deferred.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { type PackageFile, packageFile } from "../internal/package-files.ts";
import { removeAtExit } from "../internal/remove-at-exit.ts";
import { deadlines } from "../internal/time/deadline-queue.ts";
import { socketPath } from "../transport/unix/socket-path.ts";
import { version } from "../wire/version.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { announceEnd, LISTENER_KILLS_AFTER_MS } from "./announce-end.ts";
import { explainExit, explainSpawnError } from "./exit-explanation.ts";
import { programEntry } from "./launch/entry-module.ts";
import { type PreparedWorker, prepareWorker, type WorkerLaunch } from "./launch/fork-worker.ts";
import { prepareParentDeath } from "./launch/kill-with-parent.ts";
import { programState } from "./launch/program-state.ts";
import type { ServiceInit } from "./launch/worker-init.ts";
import { refusalToOpen } from "./open-permit.ts";
import { type OpenWorkerOptions, resolveOpenWorker } from "./open-worker-options.ts";
import { type ProcessWorkerOptions, resolveProcessWorkerOptions } from "./process-worker-options.ts";
import { RunningWorker } from "./running-worker.ts";
import { StopLadder } from "./stop-ladder.ts";
import { ToldWorker } from "./told-worker.ts";
import type {
  ChildMessage,
  ErrorText,
  ParentMessage,
  Worker,
  WorkerContext,
  WorkerExit,
  WorkerFactory,
} from "./worker.ts";
import { WorkerChild } from "./worker-child.ts";

/** How long a process that reported its own failure may take to end by itself. */
const FAREWELL_MS = 1_000;

/** The module that the process runs. Named here, never imported. */
const PROGRAM: PackageFile = { source: "host/main", built: "host/main" };

/** As a pool's, unless `startTimeout` says otherwise. */
const DEFAULT_START_TIMEOUT_MS = 60_000;

/** Classes of which the error behind a failed start may be. */
const CAUSE_CLASSES: readonly ErrorConstructor[] = [
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  URIError,
  EvalError,
];

const NEVER_STARTED: WorkerExit = { exitCode: undefined, signal: undefined, stderr: "" };

/** Runs a worker in a process of its own. Pools make them through {@link ProcessWorker.factory}. */
export class ProcessWorker implements Worker {
  readonly uid: string;
  readonly exited: Promise<WorkerExit>;
  onMessage: ((message: ChildMessage) => void) | undefined = undefined;

  readonly #launch: WorkerLaunch;
  readonly #startTimeoutMs: number;
  readonly #exit = createDeferred<WorkerExit>();
  /** Undefined if the worker has gone without having become ready. */
  readonly #readiness = createDeferred<WorkerMetadata | undefined>();
  readonly #ladder: StopLadder;
  readonly #trust: Trust | undefined;
  /** Passes on credentials that take the place of others. */
  #following: Disposable | undefined;
  #phase: "created" | "starting" | "ready" | "gone" = "created";
  #child: WorkerChild | undefined;
  /** Why the start fails, once that is decided; the end of the process follows. */
  #startFailure: string | undefined;
  /** The error behind it, as the worker tells. */
  #startCause: ErrorText | undefined;
  #starting: Promise<WorkerMetadata> | undefined;
  #stopping: Promise<WorkerExit> | undefined;

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
        accept: resolved.accept,
        ...resolved.access,
        discoveries: context.discoveries,
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
    const { discovery, announcedIn, tags, extra, factory } = resolveOpenWorker(options);
    const create = ProcessWorker.factory(factory);
    const path = socketPath();
    removeAtExit(path);
    const worker = create({
      uid: randomUUID(),
      socketPath: path,
      tags,
      extra,
      startTimeoutMs: DEFAULT_START_TIMEOUT_MS,
      entry: programEntry(),
      program: programState(),
      discoveries: announcedIn,
    });
    return RunningWorker.start(new ToldWorker(worker), { socketPath: path, discovery });
  }

  private constructor(launch: WorkerLaunch, context: WorkerContext) {
    this.uid = context.uid;
    this.exited = this.#exit.promise;
    this.#launch = launch;
    this.#trust = launch.options.trust ?? context.trust;
    this.#startTimeoutMs = launch.options.startTimeoutMs ?? context.startTimeoutMs;
    this.#ladder = new StopLadder({
      ask: () => this.notify({ type: "merino:stop" }),
      kill: (signal) => this.#child?.kill(signal),
    });
  }

  /** Process id, also after its end; undefined before the process has been forked, and if that failed. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): Promise<WorkerMetadata> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  stop(options: { readonly killAfter: number }): Promise<WorkerExit> {
    if (this.#phase === "created") this.#gone(NEVER_STARTED);
    // A worker that is not ready has run nothing yet that could need to finish.
    const killAfter = this.#phase === "starting" ? 0 : options.killAfter;
    if (this.#phase === "starting") this.#startFailure ??= "it was stopped before it was ready";
    if (this.#child !== undefined && this.#phase !== "gone") this.#ladder.climb(killAfter);
    if (this.#stopping === undefined) this.#announceEnd(killAfter);
    this.#stopping ??= this.#awaitExit();
    return this.#stopping;
  }

  /** Beside the request to stop, which a blocked main thread does not read. */
  #announceEnd(killAfter: number): void {
    const { network, socketPath } = this.#launch.init;
    if (this.#phase !== "ready" || network === undefined) return;
    if (killAfter > 0 && killAfter <= LISTENER_KILLS_AFTER_MS) void announceEnd(socketPath);
  }

  notify(message: ParentMessage): void {
    this.#child?.send(message);
  }

  async #awaitExit(): Promise<WorkerExit> {
    keepAlive();
    try {
      return await this.exited;
    } finally {
      letExit();
    }
  }

  async #start(): Promise<WorkerMetadata> {
    if (this.#phase !== "created") throw new WorkerStartError("it was stopped before it was started");
    this.#phase = "starting";
    const timeoutMs = this.#startTimeoutMs;
    const timeout = deadlines.after(timeoutMs, () => {
      this.#startFailure ??= `it was not ready within ${timeoutMs} ms; a pool's quorumTimeout bounds the start of its workers too, and ProcessWorker.factory({ startTimeout }) gives them longer`;
      this.#ladder.climb(0);
    });
    keepAlive();
    try {
      await this.#launchChild();
      const metadata = await this.#readiness.promise;
      if (metadata !== undefined) return metadata;
      const exit = await this.exited;
      const why = this.#startFailure ?? `it ${explainExit(exit)} before it was ready`;
      const cause = this.#startCause === undefined ? undefined : { cause: rebuilt(this.#startCause) };
      throw new WorkerStartError(why, exit, cause);
    } finally {
      deadlines.cancel(timeout);
      letExit();
    }
  }

  async #launchChild(): Promise<void> {
    try {
      const [prepared, material] = await Promise.all([prepareWorker(this.#launch), this.#usableMaterial()]);
      // Stopped, or out of time, meanwhile.
      if (this.#startFailure !== undefined) return this.#gone(NEVER_STARTED);
      this.#adopt(prepared);
      if (material !== undefined) this.#passTrust(material);
    } catch (error) {
      this.#unstarted(error);
    }
  }

  #adopt({ fork, guardian }: PreparedWorker): void {
    this.#child = new WorkerChild(fork(), this.#launch.init, guardian, {
      message: (message) => this.#receive(message),
      ended: () => this.#ladder.end(),
      gone: (exit) => this.#gone(exit),
      unstarted: (error) => this.#unstarted(error),
    });
  }

  /** @throws {@link CredentialsError} if the worker could not use its credentials. */
  async #usableMaterial(): Promise<TrustMaterial | undefined> {
    const material = await this.#trust?.current();
    if (material === undefined || this.#trust === undefined) return undefined;
    if (this.#launch.init.network !== undefined) assertUsable(material, this.#trust.policy, "worker");
    return material;
  }

  /** Over the channel alone: what is in an environment or an argument, others of this host can read. */
  #passTrust(material: TrustMaterial): void {
    const trust = this.#trust;
    if (trust === undefined) return;
    const pass = (newest: TrustMaterial): void =>
      this.notify({ type: "merino:trust", trust: { policy: trust.policy, material: newest } });
    pass(material);
    this.#following = trust.follow(pass);
  }

  #receive(message: ChildMessage): void {
    switch (message.type) {
      case "merino:ready":
        if (this.#phase !== "starting" || this.#startFailure !== undefined) return;
        this.#phase = "ready";
        this.#readiness.resolve(message.metadata);
        return;
      case "merino:failed":
        if (this.#phase !== "starting") return;
        this.#startFailure ??= message.error;
        this.#startCause = message.cause;
        this.#ladder.climb(FAREWELL_MS);
        return;
      default:
        this.onMessage?.(message);
    }
  }

  #unstarted(error: unknown): void {
    this.#startFailure ??=
      error instanceof CredentialsError ? error.message : `its process ${explainSpawnError(error)}`;
    this.#gone(NEVER_STARTED);
  }

  #gone(exit: WorkerExit): void {
    this.#phase = "gone";
    this.#following?.[Symbol.dispose]();
    this.#exit.resolve(exit);
    this.#readiness.resolve(undefined);
  }
}

/** Of the class that bears its name, if that is one of the language. */
function rebuilt({ name, message, stack }: ErrorText): Error {
  const error = new (CAUSE_CLASSES.find((known) => known.name === name) ?? Error)(message);
  for (const [key, value] of Object.entries({ name, stack })) {
    Object.defineProperty(error, key, { value, writable: true, configurable: true });
  }
  return error;
}

function programFile(): URL {
  const file = packageFile(PROGRAM, version);
  if (typeof file !== "string") return file;
  throw new WorkerStartError(file);
}
