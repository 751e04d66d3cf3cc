/**
 * One place in a pool and the worker in it: started, watched, replaced with growing pauses when it dies, and
 * replaced beside itself when it can no longer serve every routine. It never gives up by itself; a loop is
 * reported, and `quorumTimeout` bounds how long calls wait meanwhile.
 */

import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import type { Suspicion } from "../../client/membership/member-supply.ts";
import type { Trust } from "../../credentials/trust.ts";
import type { DiscoveryDescriptor } from "../../discovery/discovery.ts";
import { assertMethods } from "../../errors/check-options.ts";
import type { LostWorker } from "../../errors/worker-lost-error.ts";
import { WorkerStartError } from "../../errors/worker-start-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { forgetAtExit, removeAtExit } from "../../internal/remove-at-exit.ts";
import { sweepFile } from "../../internal/remove-file.ts";
import { backoffDelayMs } from "../../internal/time/backoff.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import { waitAtMost } from "../../internal/time/wait.ts";
import { warn } from "../../internal/warn.ts";
import { explainExit } from "../../process/exit-explanation.ts";
import type { ProgramState } from "../../process/launch/program-state.ts";
import { ToldWorker } from "../../process/told-worker.ts";
import type { ChildMessage, Worker, WorkerExit, WorkerFactory } from "../../process/worker.ts";
import type { Carrier } from "../../session/carrier.ts";
import type { ConnectionId } from "../../session/connection-id.ts";
import type { WarmValue } from "../../state/worker-values.ts";
import { socketPath } from "../../transport/unix/socket-path.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { WorkerEvent } from "../pool-event.ts";
import { PoolWorker, type Retirement } from "./pool-worker.ts";
import { LOOP, RESPAWN, RESPAWN_SERVED, SOUND_MS } from "./respawn-policy.ts";

/** How long the end of a lost worker's process may take to be known, once its connection has ended. */
const EXIT_NOTICE_MS = 500;
/** How long after the first module of a reload the new worker starts. */
const RELOAD_MS = 20;
/** Workers that have ended and can still be asked about. */
const MAX_LOSSES = 4;

/** The pool as a slot sees it. */
export interface WorkerSlotOptions {
  readonly factory: WorkerFactory;
  readonly tags: readonly string[];
  /** Further entries of the worker's record. */
  readonly extra: Readonly<Record<string, string>>;
  readonly entry: string | undefined;
  /** What every worker takes over, however late it is started. */
  readonly program: ProgramState;
  /** Where the pool announces the worker, for others to find. */
  readonly discoveries?: () => readonly DiscoveryDescriptor[];
  /** Where those of its workers are announced that others do not find. */
  readonly siblings?: () => DiscoveryDescriptor | undefined;
  /** Values that each worker has before it serves. */
  readonly warm?: readonly WarmValue[] | undefined;
  /** Its number among the places. */
  readonly slot: number;
  /** Credentials of the pool. */
  readonly trust?: Trust | undefined;
  readonly startTimeoutMs: number;
  readonly respawn: boolean;
  /** @param hidden Whether it has no address for others than the workers of its pool. */
  readonly ready: (worker: WorkerMetadata, hidden: boolean) => void;
  readonly gone: (uid: string, metadata: WorkerMetadata | undefined) => void;
  /** A worker that serves is to get no more calls; those under way on it go on. */
  readonly retired: (metadata: WorkerMetadata) => void;
  readonly event: (event: WorkerEvent) => void;
  /** Another worker of the pool reports that one does not answer. */
  readonly unresponsive: (uid: string, suspicion: Suspicion) => void;
  /** Another worker of the pool reports that one could not import the module of a routine. */
  readonly importFailed: (uid: string) => void;
}

/** A worker's place. */
export class WorkerSlot {
  readonly #options: WorkerSlotOptions;
  /** The newest, started or ready. */
  #current: PoolWorker | undefined;
  /** The one before, which serves until the current one does. */
  #previous: PoolWorker | undefined;
  /** Replaced: they finish what they have, and end by themselves. */
  readonly #leaving = new Set<PoolWorker>();
  #stopping = false;
  #everReady = false;
  /** Workers in a row that have died. */
  #deaths = 0;
  /** Workers in a row that were replaced because an import failed in them. */
  #failedImports = 0;
  #respawnAt: DeadlineEntry | undefined;
  /** What is known of the last workers that ended, for those who ask about them. */
  readonly #losses = new Map<string, LostWorker>();
  /** How the last worker ended, or why it did not come up: a sentence. */
  #lastWords = "";
  /** Why the last start, or the last worker, failed. */
  lastError: Error | undefined;

  constructor(options: WorkerSlotOptions) {
    this.#options = options;
  }

  /** Of all that have not ended. */
  get uids(): readonly string[] {
    return this.#workers().map(({ uid }) => uid);
  }

  /** Connects to a worker that only its parent reaches so; `undefined` if it is not here, or is reached as others are. */
  connect(uid: string): Promise<Carrier> | undefined {
    return this.#find(uid)?.worker.connect?.();
  }

  /** Whether there is a worker, or one is on its way. */
  get due(): boolean {
    return this.#respawnAt !== undefined || this.uids.length > 0;
  }

  /** Starts the first worker. Rejects when it does not come up. */
  async start(): Promise<void> {
    await this.#spawn();
  }

  /** The known facts about a worker that was in this place; `undefined` if it never was. */
  async describe(uid: string): Promise<LostWorker | undefined> {
    const poolWorker = this.#find(uid);
    if (poolWorker !== undefined) {
      const exit = await waitAtMost(EXIT_NOTICE_MS, poolWorker.worker.exited);
      if (exit === undefined) return poolWorker.loss(undefined, this.#options.entry);
    }
    return this.#losses.get(uid);
  }

  /**
   * Kills the worker if it is in this place, unless it is importing a module, for which it has its time.
   *
   * @returns Whether it is here.
   */
  kill(uid: string, suspicion: Suspicion): boolean {
    const poolWorker = this.#find(uid);
    const culprit = poolWorker?.kill(suspicion);
    if (culprit !== undefined) this.#options.event({ type: "worker-unresponsive", uid, culprit });
    return poolWorker !== undefined;
  }

  /**
   * Has another worker take the place of this one, in which an import has failed: Node does not try that again. It
   * goes on serving what it can until the other one is ready.
   *
   * @returns Whether there will be another.
   */
  replace(uid: string): boolean {
    const poolWorker = this.#find(uid);
    if (poolWorker === undefined || !this.#options.respawn || this.#stopping) return false;
    if (poolWorker !== this.#current || this.#respawnAt !== undefined) return true; // on its way already
    if (poolWorker.metadata === undefined) return false;
    if (poolWorker.isSound(SOUND_MS)) this.#failedImports = 0;
    this.#failedImports += 1;
    const attempt = this.#failedImports;
    const delayMs = attempt === 1 ? 0 : Math.round(backoffDelayMs(attempt - 1, RESPAWN_SERVED, Math.random));
    if (isWorthTelling(attempt)) {
      warn(
        "MERINO_CRASH_LOOP",
        `The import of a module has failed in ${attempt} workers in a row; the next one starts in ${delayMs} ms. The calls that needed it failed with its error as their cause`,
      );
    }
    this.#spawnLater(attempt, delayMs);
    return true;
  }

  /**
   * Has another worker take the place of this one at once, because its code is old. It gets no more calls, and ends
   * when it has finished those that it has; one that is starting is replaced before it serves.
   */
  renew(retirement: Retirement): void {
    if (this.#stopping) return;
    for (const poolWorker of [this.#previous, this.#current]) {
      if (poolWorker === undefined) continue;
      if (poolWorker.metadata === undefined) poolWorker.stale = retirement;
      else {
        this.#options.retired(poolWorker.metadata);
        this.#leave(poolWorker, retirement);
      }
    }
  }

  /** Tells a worker to take no more root calls of others than the pool that owns it. */
  drain(uid: string, own: ConnectionId): void {
    this.#find(uid)?.worker.notify({ type: "merino:drain", except: own });
  }

  /** Ends the workers for good. */
  async stop(killAfterMs: number): Promise<void> {
    this.#stopping = true;
    if (this.#respawnAt !== undefined) deadlines.cancel(this.#respawnAt);
    for (const poolWorker of this.#workers())
      if (!this.#leaving.has(poolWorker)) this.#tellStopping(poolWorker);
    await Promise.all(this.#workers().map(({ worker }) => worker.stop({ killAfter: killAfterMs })));
  }

  async #spawn(): Promise<void> {
    const uid = randomUUID();
    const { factory, tags, extra, entry, program, trust, warm, slot, startTimeoutMs } = this.#options;
    const context = { tags, extra, entry, program, trust, warm, slot, startTimeoutMs };
    let path: string;
    let poolWorker: PoolWorker;
    try {
      path = socketPath();
      removeAtExit(path);
      const worker = factory({
        ...context,
        uid,
        socketPath: path,
        discoveries: this.#options.discoveries?.(),
        siblings: this.#options.siblings?.(),
      });
      // The factory may be user code.
      assertMethods("worker", (worker as Worker | undefined) ?? null, ["start", "stop", "notify"]);
      poolWorker = new PoolWorker(new ToldWorker(worker));
    } catch (error) {
      // There is no worker, hence nothing that exits: the next attempt is due from here.
      this.#failed(uid, error);
      if (this.#everReady) this.#respawn("never-ready");
      throw error;
    }
    const { worker } = poolWorker;
    this.#previous ??= this.#current;
    this.#current = poolWorker;
    worker.onMessage = (message) => this.#heard(poolWorker, message);
    worker.exited
      .then((exit) => {
        if (sweepFile(path)) forgetAtExit(path); // a worker that was killed could not
        this.#exited(poolWorker, exit);
      })
      .catch(reportBug);
    this.#options.event({ type: "worker-starting", uid });
    try {
      const metadata = await worker.start();
      if (this.#stopping || this.#current !== poolWorker) return;
      this.#everReady = true;
      poolWorker.ready(metadata);
      this.#options.event({ type: "worker-ready", uid, pid: metadata.pid });
      if (poolWorker.stale !== undefined) return this.#leave(poolWorker, poolWorker.stale);
      this.#options.ready(metadata, worker.connect !== undefined);
      this.#dismiss();
    } catch (error) {
      this.#failed(uid, error);
      throw error;
    }
  }

  #heard({ imports }: PoolWorker, message: ChildMessage): void {
    switch (message.type) {
      case "merino:importing":
        return imports.begun(message.module, message.limitMs);
      case "merino:imported":
        return imports.ended(message.module);
      case "merino:unresponsive":
        return this.#options.unresponsive(message.uid, message);
      case "merino:import-failed":
        return this.#options.importFailed(message.uid);
      default: // of its life cycle
    }
  }

  /** The worker before is needed no longer: it finishes what it has. */
  #dismiss(): void {
    const previous = this.#previous;
    if (previous === undefined) return;
    this.#previous = undefined;
    this.#leaving.add(previous);
    this.#tellStopping(previous);
    previous.retire();
  }

  /** A worker with old code finishes what it has, and another one starts. */
  #leave(poolWorker: PoolWorker, retirement: Retirement): void {
    if (this.#previous === poolWorker) this.#previous = undefined;
    this.#leaving.add(poolWorker);
    this.#options.event({ type: "worker-retired", uid: poolWorker.uid });
    this.#tellStopping(poolWorker);
    poolWorker.retire(retirement);
    if (this.#current !== poolWorker) return;
    this.#current = undefined;
    // A reload evaluates many modules, one after the other: it is over by then, as a rule.
    this.#spawnAfter(RELOAD_MS);
  }

  #tellStopping({ uid, metadata }: PoolWorker): void {
    if (metadata !== undefined) this.#options.event({ type: "worker-stopping", uid });
  }

  #failed(uid: string, error: unknown): void {
    this.lastError = error instanceof Error ? error : new WorkerStartError(errorText(error));
    this.#lastWords = this.lastError.message;
    this.#options.event({ type: "worker-failed", uid, error: this.lastError });
  }

  #exited(poolWorker: PoolWorker, exit: WorkerExit): void {
    const { uid, metadata } = poolWorker;
    poolWorker.ended();
    const leaving = this.#leaving.delete(poolWorker);
    const expected = this.#stopping || leaving;
    this.#losses.set(uid, poolWorker.loss(exit, this.#options.entry));
    dropOldest(this.#losses);
    this.#options.event({ type: "worker-exited", uid, pid: poolWorker.worker.pid, ...exit, expected });
    const wasCurrent = this.#current === poolWorker;
    if (wasCurrent) this.#current = undefined;
    if (this.#previous === poolWorker) this.#previous = undefined;
    if (metadata !== undefined) this.#options.gone(uid, metadata);
    if (expected) return;
    if (metadata !== undefined) {
      this.#lastWords = `The last one ${explainExit(exit)}`;
      this.lastError = new WorkerStartError(`the last one ${explainExit(exit)}`, exit);
      // A worker that was killed for blocking was not at fault, nor was one that served for a while.
      if (poolWorker.killed || poolWorker.isSound(SOUND_MS)) this.#deaths = 0;
    }
    // The end of the one before is no matter: another one is starting.
    if (wasCurrent && this.#everReady) this.#respawn(metadata === undefined ? "never-ready" : "served");
  }

  #respawn(last: "served" | "never-ready"): void {
    if (!this.#options.respawn || this.#stopping) return;
    this.#deaths += 1;
    const attempt = this.#deaths;
    const policy = last === "served" ? RESPAWN_SERVED : RESPAWN;
    const delayMs = Math.round(backoffDelayMs(attempt, policy, Math.random));
    if (isWorthTelling(attempt)) {
      warn(
        "MERINO_CRASH_LOOP",
        `A worker has died ${attempt} times in a row; the next one starts in ${delayMs} ms. ${this.#lastWords}`,
      );
    }
    this.#spawnLater(attempt, delayMs);
  }

  #spawnLater(attempt: number, delayMs: number): void {
    this.#options.event({ type: "worker-replacing", attempt, delay: delayMs });
    this.#spawnAfter(delayMs);
  }

  #spawnAfter(delayMs: number): void {
    if (this.#respawnAt !== undefined) deadlines.cancel(this.#respawnAt);
    this.#respawnAt = deadlines.after(delayMs, () => {
      this.#respawnAt = undefined;
      // A start that fails ends in `exited`, which schedules the next one.
      this.#spawn().catch(() => {});
    });
  }

  #find(uid: string): PoolWorker | undefined {
    return this.#workers().find((poolWorker) => poolWorker.uid === uid);
  }

  #workers(): readonly PoolWorker[] {
    return [this.#current, this.#previous, ...this.#leaving].filter((poolWorker) => poolWorker !== undefined);
  }
}

/** Repeated each time the count has doubled, so that a log shows it and is not flooded. */
function isWorthTelling(attempt: number): boolean {
  return attempt >= LOOP && Number.isInteger(Math.log2(attempt / LOOP));
}

function dropOldest(losses: Map<string, LostWorker>): void {
  const oldest = losses.keys().next();
  if (losses.size > MAX_LOSSES && oldest.done !== true) losses.delete(oldest.value);
}

function reportBug(error: unknown): void {
  warn("MERINO_BUG", `A pool could not handle the end of a worker: ${inspect(error)}`); // with its stack
}
