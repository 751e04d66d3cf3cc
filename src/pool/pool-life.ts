/**
 * The life of a pool: what it is made of, how that is started and ended, and what comes and goes in between. A worker
 * that serves is handed to the proxy and announced; one that ends is taken back from both. `worker-pool.ts` is what users
 * see of it.
 */
import { showCallers } from "../client/call/caller-frames.ts";
import { WorkerProxy } from "../client/worker-proxy.ts";
import { noteOpening, pushAmbient } from "../context/scope.ts";
import { PoolClosedError } from "../errors/pool-closed-error.ts";
import { createDeferred } from "../internal/deferred.ts";
import { errorText } from "../internal/error-text.ts";
import { programEntry } from "../process/launch/entry-module.ts";
import type { ProgramState } from "../process/launch/program-state.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { EachWorker } from "./each-worker.ts";
import { HotReload } from "./hot-reload.ts";
import { OwnAnnouncements } from "./own-announcements.ts";
import { PoolClosing } from "./pool-closing.ts";
import { PoolEvents } from "./pool-events.ts";
import type { ToldPool } from "./pool-message.ts";
import type { OwnPoolState } from "./pool-stats.ts";
import { type Reservation, type ReserveOptions, reserveResources } from "./reservation.ts";
import { ElasticSize } from "./size/elastic-size.ts";
import type { ResolvedWorkerPoolOptions } from "./worker-pool-options.ts";
import { makeWorkers } from "./workers/make-workers.ts";
import type { PoolWorkers } from "./workers/pool-workers.ts";

/** `making`: what is needed before there is a worker is on its way, and nothing else has begun. */
export type PoolState = "created" | "making" | "opening" | "open" | "closing" | "closed";

/** The pool as its life sees it. */
export interface LivingPool {
  readonly id: string;
  readonly options: ResolvedWorkerPoolOptions;
  /** Told of its beginning and its end. */
  readonly told: ToldPool;
}

/** One pool, from being made to being closed. Everything that it starts, it ends. */
export class PoolLife {
  readonly proxy: WorkerProxy;
  readonly events: PoolEvents = new PoolEvents();
  readonly each: EachWorker;
  /** Why the pool takes no calls now, if it takes none. */
  readonly refusal: () => Error | undefined = () => {
    if (this.#state === "open") return undefined;
    return new PoolClosedError(
      this.ended
        ? "Cannot make further calls: the pool is closing or closed"
        : "Cannot call through a pool that has not been opened: await its open() first",
    );
  };
  readonly #options: ResolvedWorkerPoolOptions;
  readonly #told: ToldPool;
  readonly #workers: PoolWorkers;
  /** Absent where the number of workers is fixed. */
  readonly #elastic: ElasticSize | undefined;
  readonly #announcements: OwnAnnouncements;
  readonly #closing: PoolClosing;
  readonly #hotReload: HotReload;
  readonly #closed = createDeferred();
  #state: PoolState = "created";
  #end: Promise<void> | undefined;
  #restarts = 0;

  /** Nothing is started. */
  constructor({ id, options, told }: LivingPool) {
    this.#options = options;
    this.#told = told;
    const { size, range, proxy, killGraceMs, announcedIn, mayHideWorkers, local } = options;
    this.#announcements = new OwnAnnouncements(announcedIn, mayHideWorkers);
    this.#workers = makeWorkers(options, {
      id,
      ready: (metadata, hidden, how) => this.#admit(metadata, hidden, how),
      takesOver: (metadata, hidden, instead) => this.#announce(metadata, hidden, instead),
      gone: (uid, metadata) => this.#drop(uid, metadata),
      loaded: (uid, load) => this.#elastic?.told(uid, load),
      retired: (metadata, isReplaced) => this.#retire(metadata, isReplaced),
      event: (event) => this.events.publish(event),
      connectionTo: (uid) => this.proxy.connectionTo(uid),
      discoveries: () => this.#announcements.shared,
      siblings: () => this.#announcements.siblings,
    });
    this.proxy = new WorkerProxy(proxy, {
      id,
      reserved: size,
      connect: this.#workers.connect,
      hasThreads: mayHideWorkers && !local,
      descriptorDiscovery: this.#announcements.descriptor,
      describeLoss: (uid) => this.#workers.describeLoss(uid),
      unresponsive: (uid, suspicion) => this.#workers.kill(uid, suspicion),
      importFailed: ({ uid }) => this.#workers.replace(uid),
      memberReady: ({ uid }) => {
        this.#workers.connected(uid);
        this.each.wake();
        if (this.#closing.draining) this.#workers.drain(uid);
      },
      workerDue: () => this.#workers.due,
      lastStartError: () => this.#workers.lastStartError,
      taskEvents: this.events,
      callsBegun: range === undefined ? undefined : () => this.#elastic?.wake(),
      discoveryMade: (made) => this.#announcements.use(made),
    });
    this.#elastic =
      range &&
      new ElasticSize({
        range,
        quorum: this.proxy.quorum,
        workers: this.#workers,
        load: (timeMs) => this.proxy.load(timeMs),
        inFlightOn: (uid) => this.proxy.inFlightOn(uid),
        event: (event) => this.events.publish(event),
      });
    this.each = new EachWorker({ proxy: this.proxy, refusal: this.refusal });
    this.#hotReload = new HotReload({
      workers: this.#workers,
      proxy: this.proxy,
      retirement: { graceMs: this.#options.shutdownTimeoutMs, killAfterMs: killGraceMs },
    });
    this.#closing = new PoolClosing({
      proxy: this.proxy,
      workers: this.#workers,
      announcements: this.#announcements,
      killGraceMs,
    });
  }

  /** See `WorkerPool.reserve`. */
  async reserve(resources: unknown, options: ReserveOptions): Promise<Reservation> {
    const refused = this.refusal();
    if (refused !== undefined) throw refused;
    return await reserveResources(this.proxy.reserving, resources, options, (event) =>
      this.events.publish(event),
    );
  }

  get state(): PoolState {
    return this.#state;
  }

  /** Whether it has been closed, or is about to be. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Resolves when nothing of it is left. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** What there is to say of its own workers. */
  get own(): OwnPoolState {
    const { size, recycled, recyclingNow } = this.#workers;
    const { range } = this.#options;
    return {
      size: range === undefined ? this.#options.size : size,
      restarts: this.#restarts,
      recycled,
      recycling: recyclingNow,
      range: range && { ...range, workMs: this.#elastic?.workMs ?? 0 },
    };
  }

  /**
   * Starts everything; resolves when all workers serve. Single use.
   *
   * @param program As it is when the pool is opened, whatever happens to it before the last worker is started.
   */
  async open(program: ProgramState): Promise<void> {
    if (this.#state !== "created") {
      throw new PoolClosedError(`Cannot open a pool twice: it is ${this.#state}; make a new WorkerPool`);
    }
    this.#state = "making";
    this.#workers.prepare();
    const end = this.#options.ambient ? noteOpening() : undefined;
    try {
      await this.#told.opening(() => this.#start(program));
    } finally {
      end?.();
    }
  }

  /** Ends everything, at most this much later. Idempotent: one ending is shared. */
  close(graceMs: number): Promise<void> {
    this.#end ??= this.#close(graceMs);
    return this.#end;
  }

  /** Waits no longer than this for the calls under way. */
  shorten(graceMs: number): void {
    this.#closing.shorten(graceMs);
  }

  async #start(program: ProgramState): Promise<void> {
    const { size, partsAreMade } = this.#options;
    try {
      // Workers are announced in what is made: that comes first.
      if (partsAreMade) await this.proxy.open();
      if (this.#end === undefined) {
        if (size > 0) this.#announcements.open();
        this.#state = "opening";
      }
    } catch (error) {
      await this.close(0);
      throw error;
    }
    if (this.#end !== undefined) return await this.#refuseClosed(this.#end);
    const opened = partsAreMade ? undefined : this.proxy.open();
    const [errors] = await Promise.all([this.#workers.start(programEntry(), program), opened]);
    // Workers that a close() has stopped did not fail.
    if (errors.length > 0 && this.#end === undefined) {
      await this.close(0);
      for (const error of errors) showCallers(error);
      throw new AggregateError(
        errors,
        // The first line: the errors themselves are shown below.
        `Cannot open the pool: ${errors.length} of ${Math.max(1, this.#options.range?.min ?? size)} workers did not start. ${errorText(errors[0]).split("\n", 1)[0]}`,
      );
    }
    if (this.#end === undefined) await this.#workers.awaitConnections();
    if (this.#end !== undefined) return await this.#refuseClosed(this.#end);
    this.#state = "open";
    this.#hotReload.watch();
    if (this.#options.ambient) pushAmbient(this.proxy.dispatcher);
  }

  async #refuseClosed(end: Promise<void>): Promise<never> {
    await end;
    throw new PoolClosedError("Cannot open the pool: it was closed while it was opening");
  }

  async #close(graceMs: number): Promise<void> {
    const before = this.#state;
    this.#state = "closing";
    this.#hotReload.end();
    this.#elastic?.end();
    this.each.wake();
    try {
      if (before === "making") await this.proxy.close();
      else if (before !== "created") await this.#closing.run(graceMs);
    } finally {
      this.#state = "closed";
      this.events.close();
      this.#told.closed();
      this.#closed.resolve();
    }
  }

  /** Whether a worker that comes up now would get no calls. */
  get #ending(): boolean {
    return this.#state === "closed" || (this.#state === "closing" && !this.#closing.draining);
  }

  #admit(worker: WorkerMetadata, hidden: boolean, how?: "beside" | "grown"): void {
    if (this.#ending) return;
    if (this.#state !== "opening" && how === undefined) this.#restarts += 1;
    this.proxy.adopt(worker);
    if (how !== "beside") this.#announcements.add(worker, hidden);
  }

  /** A worker has come in the place of a worn one, which is no member any more. */
  #announce(worker: WorkerMetadata, hidden: boolean, instead: WorkerMetadata | undefined): void {
    if (this.#ending) return;
    if (instead === undefined) this.#announcements.add(worker, hidden);
    else this.#announcements.swap(worker, hidden, instead);
  }

  #retire(worker: WorkerMetadata, isReplaced = false): void {
    this.#elastic?.left(worker.uid);
    this.proxy.retire(worker.uid);
    if (!isReplaced) this.#retract(worker); // else it is, before the other one is announced
  }

  #drop(uid: string, metadata: WorkerMetadata | undefined): void {
    this.#elastic?.left(uid);
    this.proxy.release(uid);
    if (metadata !== undefined) this.#retract(metadata);
  }

  /** A worker that was retired before it ended has been retracted already. */
  #retract(worker: WorkerMetadata): void {
    if (!this.#ending) this.#announcements.drop(worker);
  }
}
