/**
 * A proxy: turns a stream of discovery events into members and carries calls to them. It starts no workers. A
 * pool that starts some hands them over with `adopt`.
 */

import { randomUUID } from "node:crypto";
import type { Balancer } from "../balancer/balancer.ts";
import type { CallTarget, Dispatcher, TakeRequest } from "../context/dispatcher.ts";
import type { Discovery } from "../discovery/discovery.ts";
import { NoWorkersAvailableError } from "../errors/no-workers-available-error.ts";
import { PoolClosedError } from "../errors/pool-closed-error.ts";
import { awaitedFirst } from "../internal/awaited-first.ts";
import { processWide } from "../internal/process-wide.ts";
import { MAX_TIMER_MS } from "../internal/time/clock.ts";
import { processReferences } from "../routine/process-references.ts";
import type { ConnectionId } from "../session/connection-id.ts";
import type { Definable } from "../session/definitions.ts";
import { startDebugLog } from "../telemetry/debug-log.ts";
import { hostId } from "../transport/unix/host-id.ts";
import { version } from "../wire/version.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { take } from "./call/take-call.ts";
import { connectWorker, makeHello } from "./connection/connect-worker.ts";
import { createUnreachableWarning } from "./connection/unreachable-warning.ts";
import type { CallLoad } from "./dispatch/active-calls.ts";
import { CallDispatcher } from "./dispatch/call-dispatcher.ts";
import type { DispatchCounts } from "./dispatch/dispatch-counts.ts";
import { MadeParts } from "./made-parts.ts";
import { AwaitedMembers } from "./membership/awaited-members.ts";
import type { BuildRule } from "./membership/build-rule.ts";
import { type Explanation, explainMember } from "./membership/explanation.ts";
import { Membership } from "./membership/membership.ts";
import { isOfPool } from "./membership/pool-label.ts";
import { encodeProxyDescriptor } from "./proxy-descriptor.ts";
import type { ProxySurroundings } from "./proxy-surroundings.ts";
import {
  CONNECT_TIMEOUT_MS,
  type ResolvedWorkerProxyOptions,
  resolveWorkerProxyOptions,
  type WorkerProxyOptions,
} from "./worker-proxy-options.ts";
import { WorkerSupply } from "./worker-supply.ts";

/** Finds workers and calls them. Pools have one; it can also be used alone. */
export class WorkerProxy implements CallTarget {
  /** Unique across all processes. A proxy made by a pool has the pool's id. */
  readonly id: string;
  readonly #options: ResolvedWorkerProxyOptions;
  readonly #membership: Membership;
  readonly #dispatcher: CallDispatcher;
  readonly #supply: WorkerSupply;
  readonly #surroundings: ProxySurroundings | undefined;
  readonly #made = new MadeParts();
  readonly #awaited: AwaitedMembers;
  #state: "created" | "opening" | "open" | "closed" = "created";

  /**
   * @param options Where workers come from and how they are used; see {@link WorkerProxyOptions}.
   * @throws {@link InvalidOptionError} before anything is started.
   * @example
   * await using proxy = await WorkerProxy.open({ namespace: "thumbs" });
   * await add.with({ pool: proxy })(1, 2);
   */
  constructor(options: WorkerProxyOptions, surroundings?: ProxySurroundings) {
    startDebugLog();
    this.#options = resolveWorkerProxyOptions(options, { sourceRequired: surroundings === undefined });
    this.id = surroundings?.id ?? randomUUID();
    this.#surroundings = surroundings;
    const { lease, quorum, quorumTimeoutMs, tags, killGraceMs, balancer, discovery } = this.#options;
    const { maxQueue, overflow } = this.#options;
    const trust = this.#options.trust ?? surroundings?.trust;
    // One for all proxies of the process: a program may make one for each of its requests.
    const warnUnreachable = processWide("client.unreachable-warning", () => createUnreachableWarning());
    this.#membership = new Membership({
      rules: {
        version,
        secure: trust !== undefined,
        hostId: hostId(),
        filter: tags.length === 0 ? undefined : (worker) => worker.tags.some((tag) => tags.includes(tag)),
        build: this.#buildRule,
      },
      capacity: lease,
      reserved: surroundings?.reserved ?? 0,
      quorum,
      firstAttemptsMs: surroundings?.firstAttemptsMs ?? 0,
      preferred: (worker) => isOfPool(worker, this.id),
      connect: (worker) => surroundings?.connect?.(worker) ?? connectWorker(worker, trust),
      hello: makeHello,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      events: {
        ready: ({ metadata }) => {
          this.#awaited.came(metadata.uid);
          surroundings?.memberReady?.(metadata);
        },
        unreachable: (member, error) => {
          // The pool watches the processes of its own workers and learns more from that.
          if (member.own) return;
          // One that said that it ends has done so, and its discovery is about to say the same.
          if (!member.leaving) warnUnreachable(member.metadata.address, error.message);
          this.#supply.unreachable(member);
        },
      },
    });
    this.#awaited = new AwaitedMembers(this.#membership);
    this.#supply = new WorkerSupply(this.#membership, discovery, { ...surroundings, trust });
    this.#dispatcher = new CallDispatcher({
      references: processReferences,
      balancer,
      members: this.#membership,
      supply: this.#supply,
      hasThreads: surroundings?.hasThreads,
      waitTimeoutMs: quorumTimeoutMs,
      killGraceMs,
      maxQueue,
      overflow,
      descriptor: this.#describe(discovery, balancer),
      events: surroundings?.taskEvents,
      begun: surroundings?.callsBegun,
    });
  }

  /**
   * Makes a proxy and opens it.
   *
   * @throws {@link InvalidOptionError} for a bad option.
   */
  static open(options: WorkerProxyOptions): Promise<WorkerProxy> {
    // Awaited, so that the stack of an error leads to whoever awaits this.
    const opened = (async () => await new WorkerProxy(options).open())();
    return awaitedFirst(opened, "WorkerProxy.open()", WorkerProxy.prototype);
  }

  /**
   * Starts it, or with `lazy` makes it ready to start with the first call. Single use.
   *
   * @throws {@link PoolClosedError} when it has been opened or closed before, or is closed meanwhile.
   * @throws What a function among its options throws, and {@link InvalidOptionError} for what that makes if it is of
   *   another kind; everything that was made has been closed then.
   */
  async open(): Promise<this> {
    if (this.#state !== "created") {
      throw new PoolClosedError(`Cannot open a proxy twice: this one is ${this.#state}; make a new one`);
    }
    const { makeDiscovery, makeBalancer, lazy } = this.#options;
    if (makeDiscovery !== undefined || makeBalancer !== undefined) {
      this.#state = "opening";
      try {
        await this.#makeParts();
      } catch (error) {
        await this.close();
        throw error;
      }
    }
    this.#state = "open";
    if (!lazy) this.#supply.watch();
    return this;
  }

  /** The largest number of members; `undefined` for no limit. */
  get lease(): number | undefined {
    return this.#options.lease;
  }

  /** Members that must be ready before the first call goes out. */
  get quorum(): number {
    return this.#options.quorum;
  }

  /** Milliseconds that calls wait for a worker when there is none; `Infinity` for no limit. */
  get quorumTimeout(): number {
    return this.#options.quorumTimeoutMs;
  }

  /**
   * Whether it is in use: it has been opened and, with `lazy`, has been given its first call. False again once it is
   * closed.
   */
  get started(): boolean {
    return this.#state === "open" && this.#supply.watching;
  }

  /** Records of the members, in order of admission. */
  get workers(): readonly WorkerMetadata[] {
    return this.#membership.members.map((member) => member.metadata);
  }

  /** Records of the members to which root calls can be sent. */
  get readyWorkers(): readonly WorkerMetadata[] {
    const able = this.#membership.ready.view.filter(({ draining }) => !draining);
    return able.map(({ metadata }) => metadata);
  }

  /** Why there is no worker for a call. */
  nobodyThere(): NoWorkersAvailableError {
    return new NoWorkersAvailableError(this.#membership.whyNone());
  }

  /** Counters since the start. */
  get counts(): Readonly<DispatchCounts> {
    return this.#dispatcher.counts;
  }

  /** Calls waiting for a worker. */
  get queued(): number {
    return this.#dispatcher.queued;
  }

  /** Calls held back until fewer wait; see `overflow`. */
  get held(): number {
    return this.#dispatcher.held;
  }

  /** For how long the call has waited that has waited longest, in milliseconds; 0 if none waits. */
  get oldestWait(): number {
    return this.#dispatcher.oldestWaitMs;
  }

  /** Resolves when no call waits for a worker, at once if none does. */
  drained(): Promise<void> {
    return this.#dispatcher.drained();
  }

  /** Calls not settled that wait for somebody to read on: generators, and functions with streams in their answers. */
  get unreadStreams(): number {
    return this.#dispatcher.unreadStreams;
  }

  /** Calls not settled. */
  get unsettled(): number {
    return this.#dispatcher.unsettled;
  }

  /** The dispatcher of this proxy's calls; for the library's own use. */
  get dispatcher(): Dispatcher {
    if (this.#state === "created" || this.#state === "opening") {
      throw new PoolClosedError(
        "Cannot call through a proxy that has not been opened: await its open() first",
      );
    }
    if (this.#state === "open") this.#supply.watch();
    return this.#dispatcher;
  }

  /** As `dispatcher`, for who reserves resources. */
  get reserving(): CallDispatcher {
    void this.dispatcher;
    return this.#dispatcher;
  }

  /** Takes a stream that one of its members has; see {@link Dispatcher.take}. */
  async take(request: TakeRequest): Promise<AsyncIterator<unknown> | undefined> {
    void this.dispatcher; // it begins to look for members
    const isThere = await this.#awaited.whenReady(request.uid, request.signal);
    return isThere ? take(this.#dispatcher, request) : undefined;
  }

  /** Tells what became of every worker seen, and what is waiting. */
  explain(): Explanation {
    return {
      version,
      quorum: this.#options.quorum,
      lease: this.#options.lease,
      queued: this.#dispatcher.queued,
      held: this.#dispatcher.held,
      maxQueue: this.#options.maxQueue,
      oldestWait: this.#dispatcher.oldestWaitMs,
      limited: this.#dispatcher.waiting.limited,
      resources: this.#dispatcher.waiting.forResources,
      members: this.#membership.members.map((member) =>
        explainMember(member, this.#dispatcher.lackedBy(member)),
      ),
      refused: this.#membership.refusals(),
    };
  }

  /** Admits a worker that this proxy's pool has started. */
  adopt(worker: WorkerMetadata): void {
    this.#membership.adopt(worker);
  }

  /** Drops a worker that, as the pool knows, has ended. */
  release(uid: string, error?: Error): void {
    this.#membership.release(uid, error);
  }

  /** Sends a worker of this proxy's pool no more calls, and drops it when those under way on it have ended. */
  retire(uid: string): void {
    this.#membership.retire(uid);
  }

  /** Keeps a worker that ends, for nested calls that nobody else takes, also when its discovery drops it. */
  retain(worker: WorkerMetadata): void {
    this.#membership.retain(worker);
  }

  /** How much work there is for workers of this proxy's pool. */
  load(timeMs: (routine: string) => number | undefined): CallLoad {
    return this.#dispatcher.load(timeMs);
  }

  /** Calls of this proxy that have not ended on a worker. */
  inFlightOn(uid: string): number {
    return this.#membership.get(uid)?.inFlight ?? 0;
  }

  /** The id under which the worker knows this proxy's connection; `undefined` while there is none. */
  connectionTo(uid: string): ConnectionId | undefined {
    const hello = this.#membership.get(uid)?.session?.connection.hello;
    return hello === undefined ? undefined : { client: hello.uid, session: hello.session };
  }

  /** Refuses new root calls; those under way, and what they call, go on. */
  refuseCalls(makeError: () => Error): void {
    this.#dispatcher.refuse(makeError);
  }

  /** Resolves when no call is under way. */
  settled(): Promise<void> {
    return this.#dispatcher.settled();
  }

  /** Ends every call under way: their signals fire, their promises reject. */
  abortCalls(makeReason: () => unknown): void {
    this.#dispatcher.abortAll(makeReason);
  }

  /** Ends it: calls under way reject with `PoolClosedError`. Idempotent. */
  async close(): Promise<void> {
    if (this.#state !== "closed") {
      this.#state = "closed";
      const closed = (): Error => new PoolClosedError("Cannot complete the call: the proxy has been closed");
      this.#dispatcher.refuse(closed);
      this.#dispatcher.abortAll(closed);
      this.#awaited.close();
      this.#supply.close();
      this.#membership.close();
    }
    await this.#supply.closed();
    await this.#made.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #buildRule(): BuildRule | undefined {
    return this.#options.build ?? this.#surroundings?.build;
  }

  /** Has everything made that functions among the options make, and takes it into use. */
  async #makeParts(): Promise<void> {
    const { makeDiscovery, makeBalancer } = this.#options;
    let { discovery, balancer } = this.#options;
    if (makeDiscovery !== undefined) {
      discovery = await this.#made.make("discovery", makeDiscovery, ["subscribe", "publisher"]);
      this.#supply.use(discovery);
      this.#surroundings?.discoveryMade?.(discovery);
    }
    if (makeBalancer !== undefined) balancer = await this.#made.make("balancer", makeBalancer, ["delegate"]);
    if (this.#state !== "opening") {
      throw new PoolClosedError("Cannot open the proxy: it was closed while it was opening");
    }
    this.#dispatcher.use({ balancer, descriptor: this.#describe(discovery, balancer) });
  }

  /** What travels with each task, for calls nested in it. */
  #describe(discovery: Discovery | undefined, balancer: Balancer): Definable {
    const { lease, tags, killGraceMs } = this.#options;
    const value = encodeProxyDescriptor({
      id: this.id,
      discovery: this.#surroundings?.descriptorDiscovery ?? discovery?.descriptor,
      lease,
      balancer: balancer.descriptor,
      tags: tags.length === 0 ? undefined : tags,
      build: this.#buildRule?.descriptor,
      // JSON has no word for an infinite number.
      killGraceMs: Math.min(killGraceMs, MAX_TIMER_MS),
    });
    return { value, location: "", tainted: this.#surroundings?.tainted };
  }
}
