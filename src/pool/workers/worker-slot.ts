/**
 * One place in a pool and the worker in it: started, watched, replaced with growing pauses when it dies, and
 * replaced beside itself when it can no longer serve every routine. It never gives up by itself; a loop is
 * reported, and `quorumTimeout` bounds how long calls wait meanwhile.
 */
import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import type { Suspicion } from "../../client/membership/member-supply.ts";
import type { LostWorker } from "../../errors/worker-lost-error.ts";
import { WorkerStartError } from "../../errors/worker-start-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import { waitAtMost } from "../../internal/time/wait.ts";
import { warn } from "../../internal/warn.ts";
import { explainExit } from "../../process/exit-explanation.ts";
import type { ChildMessage, WorkerExit } from "../../process/worker.ts";
import type { Carrier } from "../../session/carrier.ts";
import type { ConnectionId } from "../../session/connection-id.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { RetirementReason } from "../pool-event.ts";
import { type Attempt, CrashLoop } from "./crash-loop.ts";
import { LostWorkers } from "./lost-workers.ts";
import { makePoolWorker } from "./make-pool-worker.ts";
import type { PoolWorker, Retirement } from "./pool-worker.ts";
import { SOUND_MS } from "./respawn-policy.ts";
import { TakeOver } from "./take-over.ts";
import type { Wear, WorkerSlotOptions } from "./worker-slot-options.ts";

/** How long the end of a lost worker's process may take to be known, once its connection has ended. */
const EXIT_NOTICE_MS = 500;
/** How long after the first module of a reload the new worker starts. */
const RELOAD_MS = 20;

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
  #everReady: boolean;
  readonly #loop = new CrashLoop();
  #respawnAt: DeadlineEntry | undefined;
  #wasReady = false;
  /** Whether the pool itself has taken a worker out of service, in whose place none has come up yet. */
  #isOwed = false;
  #takeOver: TakeOver | undefined;
  readonly #losses = new LostWorkers();
  /** How the last worker ended, or why it did not come up: a sentence. */
  #lastWords = "";
  /** Why the last start, or the last worker, failed. */
  lastError: Error | undefined;

  constructor(options: WorkerSlotOptions) {
    this.#options = options;
    this.#everReady = options.isGrown === true;
  }

  /** Its number among the places. */
  get number(): number {
    return this.#options.slot;
  }

  /** The worker that calls are sent to, if there is one. */
  get serving(): PoolWorker | undefined {
    return [this.#current, this.#previous].find((poolWorker) => poolWorker?.metadata !== undefined);
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
      const exit = await waitAtMost(EXIT_NOTICE_MS, poolWorker.exited);
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
    if (poolWorker.isSound(SOUND_MS)) this.#loop.endFailedImports();
    this.#spawnLater(this.#loop.importFailed());
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

  /**
   * Has another worker take the place of this one, which is worn. It serves until the other one can be called, and then
   * finishes what it has. Another one that does not come up is tried again, and this one stays meanwhile.
   *
   * @returns False if that is not to be: another one is on its way already, or it is no worker of this place.
   */
  recycle(uid: string, wear: Wear, retirement: Retirement): boolean {
    const poolWorker = this.#current;
    if (poolWorker?.uid !== uid || poolWorker.metadata === undefined) return false;
    if (this.#stopping || this.#respawnAt !== undefined) return false;
    poolWorker.worn = retirement;
    this.#options.event({ type: "worker-recycling", uid, ...wear });
    this.#spawn().catch(() => {}); // a start that fails ends in `exited`, which schedules the next one
    return true;
  }

  /** Calls can be sent to a worker. */
  connected(uid: string): void {
    if (this.#current?.uid === uid && this.#takeOver !== undefined) this.#endTakeOver();
  }

  /** Gives the place up: its worker finishes what it has, however long that takes. One that starts is ended. */
  vacate(): void {
    this.#stopping = true;
    if (this.#respawnAt !== undefined) deadlines.cancel(this.#respawnAt);
    this.#respawnAt = undefined;
    for (const poolWorker of [this.#previous, this.#current]) {
      if (poolWorker === undefined) continue;
      if (poolWorker.metadata === undefined) void poolWorker.worker.stop({ killAfter: 0 });
      else {
        this.#options.retired(poolWorker.metadata);
        this.#retire(poolWorker, "surplus");
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
    this.#endTakeOver();
    for (const poolWorker of this.#workers())
      if (!this.#leaving.has(poolWorker)) this.#tellStopping(poolWorker);
    await Promise.all(this.#workers().map(({ worker }) => worker.stop({ killAfter: killAfterMs })));
  }

  async #spawn(): Promise<void> {
    const uid = randomUUID();
    let poolWorker: PoolWorker;
    try {
      const worn = [this.#current, this.#previous].find((other) => other?.worn !== undefined);
      poolWorker = makePoolWorker(uid, this.#options, worn);
    } catch (error) {
      // There is no worker, hence nothing that exits: the next attempt is due from here.
      this.#failed(uid, error);
      this.#options.left?.(uid);
      if (this.#everReady) this.#respawn("never-ready");
      throw error;
    }
    const { worker } = poolWorker;
    this.#previous ??= this.#current;
    this.#current = poolWorker;
    worker.onMessage = (message) => this.#heard(poolWorker, message);
    poolWorker.exited.then((exit) => this.#exited(poolWorker, exit)).catch(reportBug);
    this.#options.event({ type: "worker-starting", uid });
    try {
      const metadata = await worker.start();
      if (this.#stopping || this.#current !== poolWorker) return;
      const isGrown = this.#options.isGrown === true && !this.#wasReady;
      this.#everReady = true;
      this.#wasReady = true;
      this.#isOwed = false;
      poolWorker.ready(metadata);
      this.#options.event({ type: "worker-ready", uid, pid: metadata.pid });
      if (poolWorker.stale !== undefined) return this.#leave(poolWorker, poolWorker.stale);
      const hidden = worker.connect !== undefined;
      if (this.#previous?.worn !== undefined) return this.#beginTakeOver(poolWorker, metadata, hidden);
      this.#options.ready(metadata, hidden, isGrown ? "grown" : undefined);
      this.#dismiss();
    } catch (error) {
      if (!this.#stopping || this.#options.isGrown !== true) this.#failed(uid, error);
      throw error;
    }
  }

  /** It serves, and is to be called before the worn one is not any more: else calls would wait in between. */
  #beginTakeOver(poolWorker: PoolWorker, metadata: WorkerMetadata, hidden: boolean): void {
    this.#takeOver?.cancel(); // of one that has died since
    this.#takeOver = new TakeOver({ poolWorker, metadata, hidden, due: () => this.#endTakeOver() });
    this.#options.ready(metadata, hidden, "beside");
  }

  #endTakeOver(): void {
    const takeOver = this.#takeOver;
    this.#takeOver = undefined;
    if (takeOver === undefined) return;
    takeOver.cancel();
    if (this.#stopping || this.#current !== takeOver.poolWorker) return;
    const worn = this.#previous;
    this.#previous = undefined;
    // First it is no member any more, then nobody finds it, then the new one is found.
    if (worn?.metadata !== undefined) this.#options.retired(worn.metadata, true);
    this.#options.takesOver?.(takeOver.metadata, takeOver.hidden, worn?.metadata);
    if (worn !== undefined) this.#retire(worn, "recycled", worn.worn);
  }

  /** A worker gets no more calls, and ends when it has finished those that it has. */
  #retire(poolWorker: PoolWorker, reason: RetirementReason, retirement?: Retirement): void {
    if (this.#previous === poolWorker) this.#previous = undefined;
    if (this.#current === poolWorker) this.#current = undefined;
    this.#leaving.add(poolWorker);
    this.#options.event({ type: "worker-retired", uid: poolWorker.uid, reason });
    this.#tellStopping(poolWorker);
    poolWorker.retire(retirement);
    this.#options.left?.(poolWorker.uid); // last: it may be the turn of another one
  }

  #heard({ uid, imports }: PoolWorker, message: ChildMessage): void {
    switch (message.type) {
      case "merino:importing":
        return imports.begun(message.module, message.limitMs);
      case "merino:imported":
        return imports.ended(message.module, message.loaded === true);
      case "merino:unresponsive":
        return this.#options.unresponsive(message.uid, message);
      case "merino:import-failed":
        return this.#options.importFailed(message.uid);
      case "merino:worn":
      case "merino:load":
        return this.#options.reported?.(uid, message);
      default: // of its life cycle
    }
  }

  /** The worker before is needed no longer: it finishes what it has. */
  #dismiss(): void {
    const previous = this.#previous;
    if (previous === undefined) return;
    this.#previous = undefined;
    this.#leaving.add(previous);
    this.#options.left?.(previous.uid);
    this.#tellStopping(previous);
    previous.retire();
  }

  /** A worker with old code finishes what it has, and another one starts. */
  #leave(poolWorker: PoolWorker, retirement: Retirement): void {
    const isNewest = this.#current === poolWorker;
    this.#retire(poolWorker, "reload", retirement);
    if (!isNewest) return;
    this.#isOwed = true;
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
    this.#losses.add(uid, poolWorker.loss(exit, this.#options.entry));
    this.#options.event({ type: "worker-exited", uid, pid: poolWorker.worker.pid, ...exit, expected });
    this.#options.left?.(uid);
    const wasCurrent = this.#current === poolWorker;
    if (wasCurrent) this.#current = undefined;
    if (this.#previous === poolWorker) this.#previous = undefined;
    if (metadata !== undefined) this.#options.gone(uid, metadata);
    if (expected) return;
    if (metadata !== undefined) {
      this.#lastWords = `The last one ${explainExit(exit)}`;
      this.lastError = new WorkerStartError(`the last one ${explainExit(exit)}`, exit);
      // A worker that was killed for blocking was not at fault, nor was one that served for a while.
      if (poolWorker.killed || poolWorker.isSound(SOUND_MS)) this.#loop.endDeaths();
    }
    // The end of the one before is no matter: another one is starting.
    if (wasCurrent && this.#everReady) this.#respawn(metadata === undefined ? "never-ready" : "served");
  }

  #respawn(last: "served" | "never-ready"): void {
    if (this.#stopping) return;
    // A worn one is in its place still: it is not respawned, but replaced.
    const isWorn = this.#previous?.worn !== undefined || this.#current?.worn !== undefined;
    if (this.#options.respawn || isWorn || this.#isOwed)
      this.#spawnLater(this.#loop.died(last, this.#lastWords));
  }

  #spawnLater({ attempt, delayMs }: Attempt): void {
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

function reportBug(error: unknown): void {
  warn("MERINO_BUG", `A pool could not handle the end of a worker: ${inspect(error)}`); // with its stack
}
