/**
 * A pool as its users see it: spawns workers, publishes them, and carries calls to them and to those it discovers. It
 * checks what it is given, and leaves the rest to its `PoolLife`, which owns the workers and the proxy.
 */

import { randomUUID } from "node:crypto";
import type { WorkerProxy } from "../client/worker-proxy.ts";
import type { CallTarget, Dispatcher } from "../context/dispatcher.ts";
import { runInInnerScope } from "../context/inner-scope.ts";
import { assertDuration, assertKnownOptions } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { PoolClosedError } from "../errors/pool-closed-error.ts";
import { awaitedFirst } from "../internal/awaited-first.ts";
import { warnOnce } from "../internal/warn-once.ts";
import { type ProgramState, programState } from "../process/launch/program-state.ts";
import { refusalToOpen } from "../process/open-permit.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { EachResult } from "./each-worker.ts";
import { type MapOptions, type MapResult, mapThrough } from "./map-calls.ts";
import type { PoolEvent } from "./pool-event.ts";
import { PoolLife } from "./pool-life.ts";
import { ToldPool } from "./pool-message.ts";
import { explainPool, type PoolExplanation, type PoolStats, poolStats } from "./pool-stats.ts";
import type { Reservation, ReserveOptions } from "./reservation.ts";
import {
  type ResolvedWorkerPoolOptions,
  resolveWorkerPoolOptions,
  type WorkerPoolOptions,
} from "./worker-pool-options.ts";

const CLOSE_OPTIONS: Readonly<Record<"grace", true>> = { grace: true };

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
  readonly #life: PoolLife;

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
    this.#life = new PoolLife({ id: this.id, options: this.#options, told: new ToldPool(this) });
    this.proxy = this.#life.proxy;
    this.closed = this.#life.closed;
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
    return this.#life.state === "open";
  }

  /** The dispatcher of its calls; for the library's own use. */
  get dispatcher(): Dispatcher {
    const { state } = this.#life;
    if (state === "created" || state === "making" || state === "opening") throw notOpened();
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
   * @param items Read no faster than results are taken, and as the calls are made in the context of this call.
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
    const workers = this.proxy.workers.length;
    return mapThrough(this, fn, items, { options, workers, refusal: this.#life.refusal });
  }

  /**
   * Runs a routine once on every worker that is ready, its own and those that it has found, and gives what became of it on
   * each, as they answer. Workers that become ready later are not called; without one, the first to come is waited for.
   *
   * @param fn A routine of a function, or what its `with()` has returned.
   * @returns The results. Nothing is called before the first one is asked for; ending it cancels the calls under way.
   * @throws {@link InvalidOptionError} at once, for anything else, generators included, or a bad option of `with()`.
   * @throws {@link PoolClosedError} when the pool takes no calls; {@link NoWorkersAvailableError} when no worker comes.
   * @example
   * for await (const result of pool.each(add.with({ timeout: 5_000 }), 1, 2)) console.log(result.status);
   */
  each<P extends unknown[], R>(
    fn: (...parameters: P) => Promise<R>,
    ...parameters: P
  ): AsyncGenerator<EachResult<R>, void, void> {
    // The type follows the routine, which the compiler cannot see.
    return this.#life.each.run(fn, parameters) as AsyncGenerator<EachResult<R>, void, void>;
  }

  /**
   * Reserves resources of one worker for calls of this program: waits until some worker has them free, and has them kept
   * there, for a time.
   *
   * @param resources What is reserved, as `{ gpu: 1 }`.
   * @param options `for`: for how long at most, in milliseconds; and how long to wait, see {@link ReserveOptions}.
   * @returns The reservation, which is given back when it is disposed of.
   * @throws {@link InvalidOptionError} for a bad option.
   * @throws {@link NoWorkersAvailableError} if no worker ever has so much, or grants it for so long; {@link TaskRefusedError}
   *   (`refusal: "FORBIDDEN"`) if a worker's rules do not allow it; {@link TimeoutError}; {@link PoolClosedError}.
   * @example
   * await using gpu = await pool.reserve({ gpu: 1 }, { for: 60_000 });
   * await gpu.run(() => add(1, 2));
   */
  reserve(resources: Readonly<Record<string, number>>, options: ReserveOptions): Promise<Reservation> {
    return this.#life.reserve(resources, options);
  }

  /** Tells what became of every worker seen, and what is waiting. */
  explain(): PoolExplanation {
    return explainPool(this.proxy, this.#life.own);
  }

  /**
   * Resolves when no call waits for a worker, at once if none does. Never rejects.
   *
   * @example
   * await pool.drained();
   * console.log(pool.stats().queued); // 0
   */
  drained(): Promise<void> {
    return this.proxy.drained();
  }

  /** Figures as they stand. */
  stats(): PoolStats {
    return poolStats(this.proxy, this.#life.own);
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
    return this.#life.events.subscribe(options);
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
    if (this.#life.ended && options.grace !== undefined) this.#life.shorten(graceMs);
    return this.#life.close(graceMs);
  }

  /** As {@link close}, with the default grace: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #open(program: ProgramState): Promise<this> {
    await this.#life.open(program);
    return this;
  }
}

function notOpened(): Error {
  return new PoolClosedError("Cannot call through a pool that has not been opened: await its open() first");
}
