/**
 * A pool: spawns workers, publishes them, and carries calls to them and to those it discovers. It owns its
 * workers' processes and one proxy; everything it starts, it ends.
 */

import { randomUUID } from "node:crypto";
import { showCallers } from "../client/call/caller-frames.ts";
import type { Explanation } from "../client/membership/explanation.ts";
import { WorkerProxy } from "../client/worker-proxy.ts";
import type { CallTarget, Dispatcher } from "../context/dispatcher.ts";
import { runInInnerScope } from "../context/inner-scope.ts";
import { noteOpening, pushAmbient } from "../context/scope.ts";
import { assertDuration, assertKnownOptions } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { PoolClosedError } from "../errors/pool-closed-error.ts";
import { awaitedFirst } from "../internal/awaited-first.ts";
import { createDeferred } from "../internal/deferred.ts";
import { errorText } from "../internal/error-text.ts";
import { warnOnce } from "../internal/warn-once.ts";
import { programEntry } from "../process/launch/entry-module.ts";
import { type ProgramState, programState } from "../process/launch/program-state.ts";
import { refusalToOpen } from "../process/open-permit.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { HotReload } from "./hot-reload.ts";
import {
  assertMappable,
  callThrough,
  type MapOptions,
  type MapResult,
  mapCalls,
  resolveMapOptions,
  settling,
} from "./map-calls.ts";
import { OwnAnnouncements } from "./own-announcements.ts";
import { PoolClosing } from "./pool-closing.ts";
import type { PoolEvent } from "./pool-event.ts";
import { PoolEvents } from "./pool-events.ts";
import { ToldPool } from "./pool-message.ts";
import type { PoolStats } from "./pool-stats.ts";
import {
  type ResolvedWorkerPoolOptions,
  resolveWorkerPoolOptions,
  type WorkerPoolOptions,
} from "./worker-pool-options.ts";
import { makeWorkers } from "./workers/make-workers.ts";
import type { PoolWorkers } from "./workers/pool-workers.ts";

const CLOSE_OPTIONS: Readonly<Record<"grace", true>> = { grace: true };

/** `making`: what is needed before there is a worker is on its way, and nothing else has begun. */
type PoolState = "created" | "making" | "opening" | "open" | "closing" | "closed";

/**
 * Runs routines on workers.
 *
 * @example
 * await using pool = await WorkerPool.open({ size: 4 });
 * console.log(await add(1, 2));
 */
export class WorkerPool implements CallTarget {
  /** Unique among the pools and proxies of all processes. */
  readonly id: string = randomUUID();
  /** The proxy that carries the pool's calls. */
  readonly proxy: WorkerProxy;
  /** Resolves when the pool has been closed and nothing of it is left. Never rejects. */
  readonly closed: Promise<void>;
  readonly #options: ResolvedWorkerPoolOptions;
  readonly #workers: PoolWorkers;
  readonly #announcements: OwnAnnouncements;
  readonly #events = new PoolEvents();
  readonly #closing: PoolClosing;
  readonly #hotReload: HotReload;
  readonly #closed = createDeferred();
  #state: PoolState = "created";
  #end: Promise<void> | undefined;
  #restarts = 0;
  readonly #told = new ToldPool(this);

  /**
   * Checks the options; nothing is started.
   *
   * @throws {@link InvalidOptionError} for the first option, or combination, that cannot be accepted.
   */
  constructor(options: WorkerPoolOptions = {}) {
    this.#options = resolveWorkerPoolOptions(options);
    if (this.#options.leaseHasNoEffect) {
      warnOnce(
        "MERINO_INEFFECTIVE_LEASE",
        `A pool has a lease of ${options.lease}, which caps the workers that it finds, and no discovery to find any by: the lease does nothing. Give the pool a discovery, or leave the lease out`,
      );
    }
    this.closed = this.#closed.promise;
    const { size, proxy, killGraceMs, announcedIn, mayHideWorkers } = this.#options;
    this.#announcements = new OwnAnnouncements(announcedIn, mayHideWorkers);
    this.#workers = makeWorkers(this.#options, {
      id: this.id,
      ready: (metadata, hidden) => this.#admit(metadata, hidden),
      gone: (uid, metadata) => this.#drop(uid, metadata),
      retired: (metadata) => this.#retire(metadata),
      event: (event) => this.#events.publish(event),
      connectionTo: (uid) => this.proxy.connectionTo(uid),
      discoveries: () => this.#announcements.shared,
      siblings: () => this.#announcements.siblings,
    });
    this.proxy = new WorkerProxy(proxy, {
      id: this.id,
      reserved: size,
      connect: this.#workers.connect,
      descriptorDiscovery: this.#announcements.descriptor,
      describeLoss: (uid) => this.#workers.describeLoss(uid),
      unresponsive: (uid, suspicion) => this.#workers.kill(uid, suspicion),
      importFailed: ({ uid }) => this.#workers.replace(uid),
      memberReady: ({ uid }) => {
        this.#workers.connected(uid);
        if (this.#closing.draining) this.#workers.drain(uid);
      },
      workerDue: () => this.#workers.due,
      lastStartError: () => this.#workers.lastStartError,
      taskEvents: this.#events,
      discoveryMade: (made) => this.#announcements.use(made),
    });
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

  /**
   * Makes a pool and opens it.
   *
   * @throws {@link InvalidOptionError} for a bad option.
   * @throws {@link AggregateError} of `WorkerStartError`s when a worker does not come up; nothing is left running.
   */
  static open(options: WorkerPoolOptions = {}): Promise<WorkerPool> {
    // Awaited, so that the stack of an error leads to whoever awaits this.
    const opened = (async () => await new WorkerPool(options).open())();
    return awaitedFirst(opened, "WorkerPool.open()", WorkerPool.prototype);
  }

  /**
   * Starts the workers; resolves when all of them serve. Single use.
   *
   * In a worker that imports the program's entry module it never settles: the module has served its purpose.
   *
   * @throws {@link PoolInWorkerError} when any other module opens a pool while a worker imports it.
   */
  open(): Promise<this> {
    return refusalToOpen("pool") ?? this.#open(programState());
  }

  async #open(program: ProgramState): Promise<this> {
    if (this.#state !== "created") {
      throw new PoolClosedError(`Cannot open a pool twice: it is ${this.#state}; make a new WorkerPool`);
    }
    this.#state = "making";
    this.#workers.prepare();
    const end = this.#options.ambient ? noteOpening() : undefined;
    try {
      return await this.#told.opening(() => this.#start(program));
    } finally {
      end?.();
    }
  }

  /** Records of the members, in order of admission. */
  get workers(): readonly WorkerMetadata[] {
    return this.proxy.workers;
  }

  /** Members that must be ready before the first call goes out. */
  get quorum(): number {
    return this.proxy.quorum;
  }

  /** Milliseconds that calls wait for a worker while there is none; `Infinity` for no limit. */
  get quorumTimeout(): number {
    return this.proxy.quorumTimeout;
  }

  /** Whether it takes calls: its `open()` has resolved, and `close()` has not been called. */
  get started(): boolean {
    return this.#state === "open";
  }

  /** The dispatcher of its calls; for the library's own use. */
  get dispatcher(): Dispatcher {
    if (this.#state === "created" || this.#state === "making" || this.#state === "opening") throw notOpened();
    return this.proxy.dispatcher;
  }

  /**
   * Runs `fn` so that calls made in it, and in everything asynchronous it starts, go to this pool.
   *
   * @returns What `fn` returns.
   * @throws {@link InvalidOptionError} if `fn` is not a function.
   * @throws {@link PoolClosedError} when the pool has not been opened. In a closed pool `fn` runs, and its calls reject.
   * @example
   * await pool.run(() => add(1, 2));
   */
  run<T>(fn: () => T): T {
    if (typeof fn !== "function") {
      throw new InvalidOptionError("fn", { value: fn, expected: "a function that makes calls" });
    }
    return runInInnerScope({ dispatcher: this.dispatcher }, fn);
  }

  /**
   * Calls `fn` for every item, a bounded number at a time, and yields the results as they are asked for.
   *
   * @param fn A routine, or a function that calls routines; those go to this pool.
   * @param items Read no faster than results are taken.
   * @param options Concurrency, order, signal, whether to go on after failures; see {@link MapOptions}.
   * @returns The results, or with `settled: true` what became of each call. Nothing is called before the first one is asked for.
   * @throws {@link InvalidOptionError} at once, for a bad option, or if `fn` or `items` cannot be mapped.
   * @throws The error of a call that fails; the iteration ends, and calls of a routine under way are cancelled. Not
   *   with `settled: true`.
   * @throws {@link PoolClosedError} when the pool takes no calls: not opened, closing or closed.
   * @example
   * let total = 0;
   * for await (const sum of pool.map((n: number) => add(n, 1), [1, 2, 3], { concurrency: 2 })) total += sum;
   */
  map<T, R, S extends boolean = false>(
    fn: (item: T) => R | PromiseLike<R>,
    items: Iterable<T> | AsyncIterable<T>,
    options: MapOptions<S> = {},
  ): AsyncGenerator<MapResult<Awaited<R>, S>, void, void> {
    assertMappable(fn, items);
    const resolved = resolveMapOptions(options, this.proxy.workers.length);
    const call = callThrough(this, fn);
    const refusal = (): Error | undefined => this.#refusal();
    const results = resolved.settled
      ? mapCalls(settling(call), items, { ...resolved, refusal })
      : mapCalls(call, items, resolved);
    // The type follows the option, which the compiler cannot see.
    return results as AsyncGenerator<MapResult<Awaited<R>, S>, void, void>;
  }

  /** Tells what became of every worker seen, and what is waiting. */
  explain(): Explanation {
    return this.proxy.explain();
  }

  /** Figures as they stand. */
  stats(): PoolStats {
    const { members } = this.proxy.explain();
    return {
      size: this.#options.size,
      ready: members.filter((member) => member.state === "ready").length,
      queued: this.proxy.queued,
      unsettled: this.proxy.unsettled,
      ...this.proxy.counts,
      restarts: this.#restarts,
      workers: members,
    };
  }

  /**
   * Events of the pool from now on, about its workers and about the calls made through it. A reader that falls
   * 1 000 events behind loses the oldest.
   *
   * @param options `signal` ends it. `tasks: false` leaves out events about calls, of which there may be very
   *   many; while nobody reads them they cost nothing. Default true.
   * @throws {@link InvalidOptionError} at once, for a bad option.
   * @example
   * for await (const event of pool.events({ tasks: false })) console.log(event.type);
   */
  events(
    options: { readonly signal?: AbortSignal; readonly tasks?: boolean } = {},
  ): AsyncIterable<PoolEvent> {
    return this.#events.subscribe(options);
  }

  /**
   * Closes the pool: new calls are refused, those under way (and what they call) may finish within the
   * grace, then their signals fire and the workers end. Idempotent; concurrent calls share one closing,
   * and a later, shorter grace shortens it.
   *
   * @param options `grace`: milliseconds, `Infinity` for no limit; default `shutdownTimeout`; 0 ends calls at once.
   * @throws {@link InvalidOptionError} at once, for a grace that is no duration.
   */
  close(options: { readonly grace?: number } = {}): Promise<void> {
    assertKnownOptions(options, CLOSE_OPTIONS);
    const { grace: graceMs = this.#options.shutdownTimeoutMs } = options;
    assertDuration("grace", graceMs);
    if (this.#end === undefined) this.#end = this.#close(graceMs);
    else if (options.grace !== undefined) this.#closing.shorten(graceMs);
    return this.#end;
  }

  /** As {@link close}, with the default grace: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @param program As it is when the pool is opened, whatever happens to it before the last worker is started. */
  async #start(program: ProgramState): Promise<this> {
    const { size, partsAreMade } = this.#options;
    try {
      // Workers are announced in what is made: that comes first.
      if (partsAreMade) await this.proxy.open();
      if (this.#end === undefined) {
        if (size > 0) this.#announcements.open();
        this.#state = "opening";
      }
    } catch (error) {
      await this.close({ grace: 0 });
      throw error;
    }
    if (this.#end !== undefined) return await this.#refuseClosed(this.#end);
    const opened = partsAreMade ? undefined : this.proxy.open();
    const [errors] = await Promise.all([this.#workers.start(programEntry(), program), opened]);
    // Workers that a close() has stopped did not fail.
    if (errors.length > 0 && this.#end === undefined) {
      await this.close({ grace: 0 });
      for (const error of errors) showCallers(error);
      throw new AggregateError(
        errors,
        // The first line: the errors themselves are shown below.
        `Cannot open the pool: ${errors.length} of ${size} workers did not start. ${errorText(errors[0]).split("\n", 1)[0]}`,
      );
    }
    if (this.#end === undefined) await this.#workers.awaitConnections();
    if (this.#end !== undefined) return await this.#refuseClosed(this.#end);
    this.#state = "open";
    this.#hotReload.watch();
    if (this.#options.ambient) pushAmbient(this.proxy.dispatcher);
    return this;
  }

  /** Why it takes no calls now, if it takes none. */
  #refusal(): Error | undefined {
    if (this.started) return undefined;
    return this.#end === undefined
      ? notOpened()
      : new PoolClosedError("Cannot go on with the map: the pool is closing or closed");
  }

  async #refuseClosed(end: Promise<void>): Promise<never> {
    await end;
    throw new PoolClosedError("Cannot open the pool: it was closed while it was opening");
  }

  async #close(graceMs: number): Promise<void> {
    const before = this.#state;
    this.#state = "closing";
    this.#hotReload.end();
    try {
      if (before === "making") await this.proxy.close();
      else if (before !== "created") await this.#closing.run(graceMs);
    } finally {
      this.#state = "closed";
      this.#events.close();
      this.#told.closed();
      this.#closed.resolve();
    }
  }

  /** Whether a worker that comes up now would get no calls. */
  get #ending(): boolean {
    return this.#state === "closed" || (this.#state === "closing" && !this.#closing.draining);
  }

  #admit(worker: WorkerMetadata, hidden: boolean): void {
    if (this.#ending) return;
    if (this.#state !== "opening") this.#restarts += 1;
    this.proxy.adopt(worker);
    this.#announcements.add(worker, hidden);
  }

  #retire(worker: WorkerMetadata): void {
    this.proxy.retire(worker.uid);
    this.#retract(worker);
  }

  #drop(uid: string, metadata: WorkerMetadata | undefined): void {
    this.proxy.release(uid);
    if (metadata !== undefined) this.#retract(metadata);
  }

  /** A worker that was retired before it ended has been retracted already. */
  #retract(worker: WorkerMetadata): void {
    if (!this.#ending) this.#announcements.drop(worker);
  }
}

function notOpened(): Error {
  return new PoolClosedError("Cannot call through a pool that has not been opened: await its open() first");
}
