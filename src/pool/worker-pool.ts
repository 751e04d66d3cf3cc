/**
 * A pool: spawns workers, publishes them, and carries calls to them and to those it discovers. It owns its
 * workers' processes and one proxy; everything it starts, it ends.
 */

import { randomUUID } from "node:crypto";
import type { TaskEventSink } from "../client/dispatch/call-reporter.ts";
import type { TaskEvent } from "../client/dispatch/task-event.ts";
import { labelOfPool } from "../client/members/admission.ts";
import type { Explanation } from "../client/members/explanation.ts";
import { WorkerProxy } from "../client/worker-proxy.ts";
import { resolveDuration } from "../client/worker-proxy-options.ts";
import type { CallTarget, Dispatcher } from "../context/dispatcher.ts";
import { currentScope, pushAmbient, removeAmbient, runInScope } from "../context/scope.ts";
import type { Discovery, Publisher } from "../discovery/discovery.ts";
import { AdvertisementDirectory } from "../discovery/local/advertisement-directory.ts";
import { LocalDiscovery } from "../discovery/local/local-discovery.ts";
import { assertKnownOptions } from "../errors/assert-known-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { PoolClosedError } from "../errors/pool-closed-error.ts";
import { PoolInWorkerError } from "../errors/pool-in-worker-error.ts";
import type { LostWorker } from "../errors/worker-lost-error.ts";
import { createDeferred } from "../internal/deferred.ts";
import { errorText } from "../internal/error-text.ts";
import { EventStream } from "../internal/event-stream.ts";
import { keepAlive, letExit } from "../internal/liveness.ts";
import { forgetAtExit, removeAtExit } from "../internal/remove-at-exit.ts";
import { deadlines } from "../internal/time/deadline-queue.ts";
import { warn } from "../internal/warn.ts";
import { workerRole } from "../internal/worker-role.ts";
import { entryModule } from "../process/launch/entry-module.ts";
import { privateNamespace } from "../transport/unix/leftovers.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { assertMappable, type MapOptions, mapCalls, resolveMapOptions } from "./map-calls.ts";
import type { PoolEvent, PoolStats, WorkerEvent } from "./pool-event.ts";
import {
  type ResolvedWorkerPoolOptions,
  resolveWorkerPoolOptions,
  type WorkerPoolOptions,
} from "./worker-pool-options.ts";
import { WorkerSlot } from "./worker-slot.ts";

const CLOSE_OPTIONS: Readonly<Record<"grace", true>> = { grace: true };
const EVENTS_OPTIONS: Readonly<Record<"signal" | "tasks", true>> = { signal: true, tasks: true };

/** How long a closing pool waits for generators that nobody reads before it says so. */
const IDLE_NOTICE_MS = 1_000;

/** How long `open()` waits for connections to workers that serve; calls wait for them in any case. */
const CONNECTED_TIMEOUT_MS = 2_000;

/** How long a publisher may take to take back what it has announced: the pool's end cannot depend on a server's. */
const RETRACT_TIMEOUT_MS = 5_000;

/** While it is "draining", calls under way are being waited for, and a worker that is replaced serves them. */
type PoolState = "created" | "opening" | "open" | "draining" | "closing" | "closed";

/**
 * Runs routines on workers.
 *
 * @example
 * await using pool = await WorkerPool.open({ size: 4 });
 * console.log(await add(1, 2));
 */
export class WorkerPool implements CallTarget {
  readonly id: string = randomUUID();
  /** What carries the pool's calls. */
  readonly proxy: WorkerProxy;
  /** Resolves when the pool has been closed and nothing of it is left. Never rejects. */
  readonly closed: Promise<void>;
  readonly #options: ResolvedWorkerPoolOptions;
  readonly #discovery: Discovery | undefined;
  readonly #slots: WorkerSlot[] = [];
  /** For those who want to know about calls too, and for those who do not. */
  readonly #events = new EventStream<PoolEvent>();
  readonly #workerEvents = new EventStream<PoolEvent>();
  readonly #closed = createDeferred();
  /** Workers that have been connected to while the pool was opening. */
  readonly #connected = new Set<string>();
  readonly #allConnected = createDeferred();
  #publisher: Publisher | undefined;
  /** Where the advertisements of a private discovery lie. */
  #privateDirectory: string | undefined;
  #state: PoolState = "created";
  #closing: Promise<void> | undefined;
  #restarts = 0;

  /**
   * Checks the options; nothing is started.
   *
   * @throws {@link InvalidOptionError} for the first option, or combination, that cannot be accepted.
   */
  constructor(options: WorkerPoolOptions = {}) {
    this.#options = resolveWorkerPoolOptions(options);
    this.closed = this.#closed.promise;
    const { size, capacity, discovery, proxy, tags } = this.#options;
    // A pool without a discovery has a private one, so that calls nested in its tasks find its workers.
    this.#discovery = discovery ?? (size > 0 ? new LocalDiscovery(privateNamespace()) : undefined);
    this.proxy = new WorkerProxy(
      {
        discovery,
        lease: capacity,
        balancer: proxy.balancer,
        quorum: proxy.quorum,
        quorumTimeout: proxy.quorumTimeoutMs,
        tags,
        lazy: proxy.lazy,
        killGrace: proxy.killGraceMs,
      },
      {
        id: this.id,
        reserved: size,
        descriptorDiscovery: this.#discovery?.descriptor,
        describeLoss: (uid) => this.#describeLoss(uid),
        unresponsive: (uid, culprit) => this.#replaceBlocked(uid, culprit),
        memberReady: (worker) => {
          if (this.#state === "draining") this.#drain(worker.uid);
          if (this.#state !== "opening") return;
          this.#connected.add(worker.uid);
          if (this.#connected.size >= size) this.#allConnected.resolve();
        },
        workerDue: () => this.#options.respawn || this.#slots.some((slot) => slot.uid !== undefined),
        lastStartError: () => this.#slots.find((slot) => slot.lastError !== undefined)?.lastError,
        taskEvents: new TaskEvents(this.#events),
      },
    );
  }

  /**
   * Makes a pool and opens it.
   *
   * @throws {@link InvalidOptionError} for a bad option.
   * @throws {@link AggregateError} of `WorkerStartError`s when a worker does not come up; nothing is left running.
   */
  static async open(options: WorkerPoolOptions = {}): Promise<WorkerPool> {
    return new WorkerPool(options).open();
  }

  /**
   * Starts the workers; resolves when all of them serve. Single use.
   *
   * In a worker that imports the program's entry module it never settles: the module has served its purpose.
   *
   * @throws {@link PoolInWorkerError} when any other module opens a pool while a worker imports it.
   */
  open(): Promise<this> {
    const verdict = workerRole()?.onOpen() ?? "allowed";
    if (verdict === "suspend") return new Promise(() => {});
    if (verdict === "refuse") {
      return Promise.reject(
        new PoolInWorkerError(
          "Cannot open a pool here: a worker is importing this module to find its routines, and would start workers without end; open pools in the program's entry module, or inside functions that it calls",
        ),
      );
    }
    if (this.#state !== "created") {
      return Promise.reject(
        new PoolClosedError(`Cannot open a pool twice: this one is ${this.#state}; make a new WorkerPool`),
      );
    }
    this.#state = "opening";
    return this.#start();
  }

  /** Records of the members, in order of admission. */
  get workers(): readonly WorkerMetadata[] {
    return this.proxy.workers;
  }

  /** What carries its calls; for the library's own use. */
  get dispatcher(): Dispatcher {
    if (this.#state === "created" || this.#state === "opening") {
      throw new PoolClosedError(
        "Cannot call through a pool that has not been opened: await its open() first",
      );
    }
    return this.proxy.dispatcher;
  }

  /**
   * Runs `fn` so that calls made in it, and in what it starts, go to this pool.
   *
   * @returns What `fn` returns.
   * @throws {@link InvalidOptionError} for what is not a function.
   * @throws {@link PoolClosedError} when the pool has not been opened. In a closed pool `fn` runs, and its calls reject.
   * @example
   * await pool.run(() => add(1, 2));
   */
  run<T>(fn: () => T): T {
    if (typeof fn !== "function") {
      throw new InvalidOptionError("fn", { value: fn, expected: "a function that makes calls" });
    }
    return runInScope({ task: currentScope()?.task, dispatcher: this.dispatcher }, fn);
  }

  /**
   * Calls `fn` for every item, a bounded number at a time, and gives the results as they are asked for.
   *
   * @param fn A routine, or a function that calls routines; those go to this pool.
   * @param items Read no faster than results are taken.
   * @param options Concurrency, order, signal; see {@link MapOptions}.
   * @returns The results. Nothing is called before the first one is asked for.
   * @throws {@link InvalidOptionError} at once, for a bad option, or what cannot be mapped.
   * @throws What a call throws; the iteration ends, and calls of a routine under way are cancelled.
   * @example
   * let total = 0;
   * for await (const sum of pool.map((n: number) => add(n, 1), [1, 2, 3], { concurrency: 2 })) total += sum;
   */
  map<T, R>(
    fn: (item: T) => R | PromiseLike<R>,
    items: Iterable<T> | AsyncIterable<T>,
    options: MapOptions = {},
  ): AsyncGenerator<Awaited<R>, void, void> {
    assertMappable(fn, items);
    const resolved = resolveMapOptions(options, this.proxy.workers.length);
    const withOptions = (fn as { with?: (options: object) => typeof fn }).with;
    const call = async (item: T, signal: AbortSignal): Promise<Awaited<R>> => {
      if (typeof withOptions === "function") return await withOptions({ signal, pool: this })(item);
      return await this.run(() => fn(item));
    };
    return mapCalls(call, items, resolved);
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
   * What happens in the pool from now on: to its workers, and to the calls made through it. A reader that
   * falls 1 000 events behind loses the oldest.
   *
   * @param options `signal` ends it. `tasks: false` leaves the calls out, of which there may be very many;
   *   while nobody asks for them they cost nothing. Default true.
   * @throws {@link InvalidOptionError} at once, for a bad option.
   * @example
   * for await (const event of pool.events({ tasks: false })) console.log(event.type);
   */
  events(
    options: { readonly signal?: AbortSignal; readonly tasks?: boolean } = {},
  ): AsyncIterable<PoolEvent> {
    assertKnownOptions(options, EVENTS_OPTIONS);
    const { signal, tasks = true } = options;
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new InvalidOptionError("signal", { value: signal, expected: "an AbortSignal" });
    }
    if (typeof tasks !== "boolean") {
      throw new InvalidOptionError("tasks", { value: tasks, expected: "a boolean" });
    }
    const subscription = signal === undefined ? {} : { signal };
    return (tasks ? this.#events : this.#workerEvents).subscribe(subscription);
  }

  /**
   * Closes the pool: new calls are refused, those under way (and what they call) may finish within the
   * grace, then their signals fire and the workers end. Idempotent; concurrent calls share one closing,
   * and a later, shorter grace shortens it.
   *
   * @param options `grace`: milliseconds; default `shutdownTimeout`; 0 ends calls at once.
   * @throws {@link InvalidOptionError} at once, for a grace that is no duration.
   */
  close(options: { readonly grace?: number } = {}): Promise<void> {
    assertKnownOptions(options, CLOSE_OPTIONS);
    const graceMs = resolveDuration("grace", options.grace, this.#options.shutdownTimeoutMs);
    if (this.#closing === undefined) {
      this.#closing = this.#close(graceMs);
    } else if (options.grace !== undefined) {
      deadlines.after(graceMs, () => this.#graceOver.resolve());
    }
    return this.#closing;
  }

  /** As {@link close}, with the default grace: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #graceOver = createDeferred();

  async #start(): Promise<this> {
    const { size, worker, tags, respawn, proxy } = this.#options;
    const role = workerRole();
    // In a worker, this process's own entry is the host; the program is its parent's.
    const entry = role === undefined ? entryModule() : role.entry;
    this.#publisher = size > 0 ? this.#discovery?.publisher() : undefined;
    this.#privateDirectory = this.#privateDirectoryPath();
    if (this.#privateDirectory !== undefined) removeAtExit(this.#privateDirectory);
    for (let n = 0; n < size; n += 1) {
      this.#slots.push(
        new WorkerSlot({
          factory: worker,
          tags,
          extra: labelOfPool(this.id),
          entry,
          startTimeoutMs: proxy.quorumTimeoutMs,
          respawn,
          ready: (metadata) => this.#admit(metadata),
          gone: (uid, metadata) => this.#drop(uid, metadata),
          event: (event) => this.#publish(event),
          unresponsive: (uid, culprit) => this.#replaceBlocked(uid, culprit),
        }),
      );
    }
    const [started] = await Promise.all([
      Promise.allSettled(this.#slots.map((slot) => slot.start())),
      this.proxy.open(),
    ]);
    const errors = started.flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason as unknown] : [],
    );
    // Workers that were stopped because of a close() did not fail.
    if (errors.length > 0 && this.#closing === undefined) {
      await this.close({ grace: 0 });
      const [first] = errors;
      throw new AggregateError(
        errors,
        `Cannot open the pool: ${errors.length} of ${size} workers did not start. ${errorText(first)}`,
      );
    }
    if (size > 0 && this.#closing === undefined) await this.#awaitConnections();
    if (this.#closing !== undefined) {
      await this.#closing;
      throw new PoolClosedError("Cannot open the pool: it was closed while it was opening");
    }
    this.#state = "open";
    if (this.#options.ambient) pushAmbient(this.proxy.dispatcher);
    return this;
  }

  async #close(graceMs: number): Promise<void> {
    const neverOpened = this.#state === "created";
    this.#state = "closing";
    try {
      if (!neverOpened) await this.#wind(graceMs);
    } finally {
      this.#state = "closed";
      this.#events.close();
      this.#workerEvents.close();
      this.#closed.resolve();
    }
  }

  async #wind(graceMs: number): Promise<void> {
    const closed = (): Error => new PoolClosedError("Cannot complete the call: the pool has been closed");
    this.#allConnected.resolve();
    this.proxy.refuseCalls(() => new PoolClosedError("Cannot take the call: the pool is closing or closed"));
    if (this.proxy.unsettled > 0 && graceMs > 0) {
      this.#state = "draining";
      for (const { uid } of this.#slots) if (uid !== undefined) this.#drain(uid);
      await this.#awaitCalls(graceMs);
      this.#state = "closing";
    }
    const retracted = this.#retract();
    // At once: a task that loses its nested calls to the retraction would fail with that, and not because the pool closes.
    this.proxy.abortCalls(closed);
    await retracted;
    const killAfterMs = this.#options.proxy.killGraceMs;
    try {
      await Promise.all(this.#slots.map((slot) => slot.stop(killAfterMs)));
    } finally {
      removeAmbient(this.proxy.dispatcher);
      await this.proxy.close();
    }
  }

  /** Keeps the calls of others off a worker. One that is not connected yet is drained once it is. */
  #drain(uid: string): void {
    const own = this.proxy.connectionTo(uid);
    if (own !== undefined) this.#slots.find((slot) => slot.uid === uid)?.drain(own);
  }

  async #retract(): Promise<void> {
    try {
      await this.#closePublisher();
      if (this.#privateDirectory !== undefined) forgetAtExit(this.#privateDirectory);
    } catch (error) {
      // Whoever finds the record finds nobody behind it; the workers end all the same.
      warnUnpublished("retract the workers of a pool", error);
    }
  }

  async #closePublisher(): Promise<void> {
    if (this.#publisher === undefined) return;
    const late = createDeferred<void>();
    keepAlive();
    const enough = deadlines.after(RETRACT_TIMEOUT_MS, () =>
      late.reject(new Error(`its publisher has not closed within ${RETRACT_TIMEOUT_MS} ms`)),
    );
    try {
      await Promise.race([this.#publisher.close(), late.promise]);
    } finally {
      deadlines.cancel(enough);
      letExit();
    }
  }

  /** The first calls find all workers ready, and so spread over them. */
  async #awaitConnections(): Promise<void> {
    keepAlive();
    const enough = deadlines.after(CONNECTED_TIMEOUT_MS, () => this.#allConnected.resolve());
    await this.#allConnected.promise;
    deadlines.cancel(enough);
    letExit();
  }

  /** Waits for the calls under way, at most for the grace; says so when only idle generators are left. */
  async #awaitCalls(graceMs: number): Promise<void> {
    keepAlive();
    const over = deadlines.after(graceMs, () => this.#graceOver.resolve());
    const notice = deadlines.after(IDLE_NOTICE_MS, () => {
      const idle = this.proxy.suspendedStreams;
      if (idle === 0 || idle < this.proxy.unsettled) return;
      warn(
        "MERINO_CLOSE_WAITS",
        `A pool that is closing waits up to ${graceMs} ms for ${idle} generators that nobody reads; end them with return() or break, or close with a shorter grace`,
      );
    });
    try {
      await Promise.race([this.proxy.settled(), this.#graceOver.promise]);
    } finally {
      deadlines.cancel(over);
      deadlines.cancel(notice);
      letExit();
    }
  }

  #privateDirectoryPath(): string | undefined {
    const { discovery, size } = this.#options;
    if (discovery !== undefined || size === 0 || !(this.#discovery instanceof LocalDiscovery))
      return undefined;
    return new AdvertisementDirectory(this.#discovery.namespace).path;
  }

  #admit(worker: WorkerMetadata): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    if (this.#state !== "opening") this.#restarts += 1;
    this.proxy.adopt(worker);
    void this.#announce("worker-added", worker);
  }

  #drop(uid: string, metadata: WorkerMetadata | undefined): void {
    this.proxy.release(uid);
    if (metadata !== undefined && this.#state !== "closing") void this.#announce("worker-dropped", metadata);
  }

  async #announce(type: "worker-added" | "worker-dropped", worker: WorkerMetadata): Promise<void> {
    try {
      // It may be anybody's: one that throws at once is no different from one that rejects.
      await this.#publisher?.publish({ type, worker });
    } catch (error) {
      // The pool's own calls do not need it; calls nested in tasks and other pools do.
      warnUnpublished("publish a worker", error);
    }
  }

  async #describeLoss(uid: string): Promise<LostWorker | undefined> {
    for (const slot of this.#slots) {
      const loss = await slot.describe(uid);
      if (loss !== undefined) return loss;
    }
    return undefined;
  }

  #replaceBlocked(uid: string, culprit: string): void {
    for (const slot of this.#slots) if (slot.kill(uid, culprit)) return;
  }

  #publish(event: WorkerEvent): void {
    this.#events.publish(event);
    this.#workerEvents.publish(event);
  }
}

/** Where the proxy reports calls: to those who read the events of its pool. */
class TaskEvents implements TaskEventSink {
  readonly #events: EventStream<PoolEvent>;

  constructor(events: EventStream<PoolEvent>) {
    this.#events = events;
  }

  get wanted(): boolean {
    return this.#events.subscriberCount > 0;
  }

  publish(event: TaskEvent): void {
    this.#events.publish(event);
  }
}

function warnUnpublished(what: string, error: unknown): void {
  warn("MERINO_PUBLISH_FAILED", `Cannot ${what}: ${errorText(error)}`);
}
