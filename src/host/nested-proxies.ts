/**
 * The proxies through which tasks of this worker call further routines, one per pool they came from: restored
 * from the descriptor that came with the task, closed when their pool has gone, or is not known to be there, and
 * nobody has used them for a while, and restored again. A descriptor from the network is not trusted: it may name only discoveries that the worker's owner
 * allows, and never gets a proxy that was restored for a caller of this host.
 */
import { balancerFromDescriptor } from "../balancer/balancer-from-descriptor.ts";
import { restoreBuildRule } from "../client/membership/build-rule.ts";
import type { Suspicion } from "../client/membership/member-supply.ts";
import { isOfPool } from "../client/membership/pool-label.ts";
import { decodeProxyDescriptor, type ProxyDescriptor } from "../client/proxy-descriptor.ts";
import { WorkerProxy } from "../client/worker-proxy.ts";
import type { SupplySurroundings } from "../client/worker-supply.ts";
import type { CallRequest, Dispatcher } from "../context/dispatcher.ts";
import type { Trust } from "../credentials/trust.ts";
import type { Discovery, DiscoveryDescriptor } from "../discovery/discovery.ts";
import { discoveryFromDescriptor } from "../discovery/discovery-from-descriptor.ts";
import { JointDiscovery } from "../discovery/joint-discovery.ts";
import { canonicalText, describeSource, sourceName } from "../discovery/source-name.ts";
import { NoActivePoolError } from "../errors/no-active-pool-error.ts";
import { errorText } from "../internal/error-text.ts";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../internal/time/deadline-queue.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";

/** Pools whose tasks one worker can serve with nested calls at a time. */
const MAX_PROXIES = 64;
/** How many of these may be pools of network callers. */
const MAX_NETWORK_PROXIES = 32;
/** How much of the name of a caller's discovery is said in an error. */
const MAX_SOURCE_TEXT = 300;
/** How long a proxy is kept that nobody uses and whose pool is not known to be there. */
const IDLE_MS = 60_000;
/**
 * For how long the first call of a restored proxy waits for first attempts to connect that are under way. Without it,
 * the calls of a first fan-out would all go to the worker that is reached first, usually this one itself.
 */
const FIRST_ATTEMPTS_MS = 500;

/** Who is told of workers that fail nested calls, if a program of this host made the calls. */
export interface ReportedWorkers {
  /** A worker does not answer after a nested call on it was cancelled. */
  readonly unresponsive?: ((uid: string, suspicion: Suspicion) => void) | undefined;
  /** A worker of the calling pool's own could not import the module of a routine. */
  readonly importFailed?: ((uid: string) => void) | undefined;
}

/** Settings of a worker for nested calls. */
export interface NestedProxiesOptions {
  /** Discoveries that descriptors from the network may name. */
  readonly discoveries: readonly DiscoveryDescriptor[];
  /** The worker's own credentials, for connections beyond this host. The caller's never come here. Default: none. */
  readonly trust?: Trust | undefined;
  /** The build that this worker runs, as its record says; absent: it does not. */
  readonly build?: string | undefined;
  /** The pool that has spawned this worker, which ends with it; absent: none has. */
  readonly ownPool?: string | undefined;
  /** Where workers of that pool are announced that others do not find. Default: nowhere. */
  readonly siblings?: DiscoveryDescriptor | undefined;
  /** Where time comes from; a parameter for tests. */
  readonly deadlines?: DeadlineQueue;
}

/** The origin of a descriptor. */
interface Origin {
  /** Whether it has come over local carriers only, and so from a program of this user; see `identity/taint.ts`. */
  readonly local: boolean;
  /**
   * The connection, if it is that of the pool itself, since a root task came over it. Absent for a nested task, which a
   * proxy restored elsewhere has sent: two of these must not keep each other.
   */
  readonly poolConnection?: PoolConnection | undefined;
}

/** A connection of a pool: while it is there, so is the pool. */
interface PoolConnection {
  readonly ended: boolean;
}

/** What a proxy is restored from. */
interface Source {
  readonly descriptor: ProxyDescriptor;
  readonly local: boolean;
  readonly poolConnection: PoolConnection | undefined;
}

interface Restored {
  readonly proxy: WorkerProxy;
  readonly local: boolean;
  /** Whether its pool has spawned this worker. */
  readonly own: boolean;
  /** Connections of its pool. */
  readonly poolConnections: Set<PoolConnection>;
  usedAtMs: number;
}

/** Restores proxies from the descriptors that come with tasks. */
export class NestedProxies {
  /** The least recently restored first. */
  readonly #restored = new Map<string, Restored>();
  /** By the descriptor's bytes as the session holds them: one object per connection. */
  readonly #byBytes = new WeakMap<Uint8Array, Dispatcher>();
  readonly #reported: ReportedWorkers;
  /** By the names of their sources. */
  readonly #allowed: ReadonlyMap<string, DiscoveryDescriptor>;
  readonly #ownPool: string | undefined;
  readonly #siblings: DiscoveryDescriptor | undefined;
  readonly #trust: Trust | undefined;
  readonly #build: string | undefined;
  readonly #deadlines: DeadlineQueue;
  #sweep: DeadlineEntry | undefined;
  /** The record of this worker, once it has begun to end. */
  #self: WorkerMetadata | undefined;
  #closed = false;

  constructor(reported: ReportedWorkers, options: NestedProxiesOptions) {
    this.#reported = reported;
    this.#allowed = new Map(options.discoveries.map((discovery) => [sourceName(discovery), discovery]));
    this.#ownPool = options.ownPool;
    this.#siblings = options.siblings;
    this.#trust = options.trust;
    this.#build = options.build;
    this.#deadlines = options.deadlines ?? deadlines;
  }

  /** Proxies that are restored now. */
  get size(): number {
    return this.#restored.size;
  }

  /** The dispatcher for the calls that a task with this descriptor makes. */
  dispatcher(descriptor: Uint8Array | undefined, origin: Origin): Dispatcher | undefined {
    if (descriptor === undefined) return undefined;
    let dispatcher = this.#byBytes.get(descriptor);
    if (dispatcher === undefined) {
      dispatcher = this.#dispatcherFor(descriptor, origin);
      this.#byBytes.set(descriptor, dispatcher);
    }
    return dispatcher;
  }

  /**
   * This worker has begun to end, and is no longer found, or not for long: it stays there for the calls of its own tasks
   * that nobody else takes.
   */
  drain(self: WorkerMetadata): void {
    if (this.#self !== undefined) return;
    this.#self = self;
    for (const { proxy } of this.#restored.values()) this.#retainSelf(proxy);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#sweep !== undefined) this.#deadlines.cancel(this.#sweep);
    const proxies = [...this.#restored.values()];
    this.#restored.clear();
    await Promise.all(proxies.map(({ proxy }) => proxy.close()));
  }

  /** The task keeps it for as long as it runs; the proxy behind it may be closed and restored meanwhile. */
  #dispatcherFor(bytes: Uint8Array, { local, poolConnection }: Origin): Dispatcher {
    let descriptor: ProxyDescriptor;
    let key: string;
    try {
      const sent = decodeProxyDescriptor(bytes);
      const { discovery } = sent;
      if (discovery === undefined) return refusing(NOT_REBUILDABLE);
      // Over the network only the source is the caller's to name; how it is looked at is this worker's own business.
      const believed = local ? discovery : this.#allowed.get(sourceName(discovery));
      if (believed === undefined) return refusing(explainForeign(discovery));
      descriptor = { ...sent, discovery: believed };
      // A network caller that has learnt the id of a pool must not get that pool's proxy, which reaches its workers.
      key = local ? `local ${descriptor.id}` : `network ${canonicalText(descriptor)}`;
    } catch (error) {
      return refusing(errorText(error));
    }
    const source: Source = { descriptor, local, poolConnection };
    const target = (request: CallRequest): Dispatcher => {
      try {
        return this.#restore(key, source).dispatcher;
      } catch (error) {
        throw refuse(request, errorText(error));
      }
    };
    return {
      call: (request) => {
        try {
          return target(request).call(request);
        } catch (error) {
          return Promise.reject(error);
        }
      },
      stream: (request) => target(request).stream(request),
      take: async (request) => this.#proxyOrNone(key, source)?.take(request),
    };
  }

  #proxyOrNone(key: string, source: Source): WorkerProxy | undefined {
    try {
      return this.#restore(key, source);
    } catch {
      return undefined; // streams pass through their caller then
    }
  }

  #restore(key: string, source: Source): WorkerProxy {
    const nowMs = this.#deadlines.now();
    const { descriptor, local, poolConnection } = source;
    const known = this.#restored.get(key);
    if (known !== undefined) {
      known.usedAtMs = nowMs;
      if (poolConnection !== undefined) known.poolConnections.add(poolConnection);
      return known.proxy;
    }
    if (this.#closed) throw new Error("the worker is shutting down");
    this.#makeRoom(local);
    const own = local && descriptor.id === this.#ownPool;
    const found = discoveryFromDescriptor(descriptor.discovery, { unix: local });
    const proxy = new WorkerProxy(
      {
        discovery: own ? this.#withSiblings(found) : found,
        lease: descriptor.lease,
        balancer: balancerFromDescriptor(descriptor.balancer),
        quorum: 1,
        tags: descriptor.tags,
        killGrace: descriptor.killGraceMs,
      },
      // No worker is ended because a caller from the network reports it.
      {
        id: descriptor.id,
        firstAttemptsMs: FIRST_ATTEMPTS_MS,
        build:
          descriptor.build && restoreBuildRule(descriptor.build, { pool: descriptor.id, own: this.#build }),
        tainted: !local,
        trust: this.#trust,
        ...(local && this.#surroundings(descriptor.id)),
      },
    );
    this.#retainSelf(proxy);
    void proxy.open(); // lazy: it only marks the proxy open, and cannot fail on a fresh one
    const poolConnections = new Set(poolConnection === undefined ? [] : [poolConnection]);
    this.#restored.set(key, { proxy, local, own, poolConnections, usedAtMs: nowMs });
    this.#sweep ??= this.#deadlines.add(nowMs + IDLE_MS, () => this.#closeIdle());
    return proxy;
  }

  #withSiblings(found: Discovery): Discovery {
    if (this.#siblings === undefined) return found;
    return new JointDiscovery([found, discoveryFromDescriptor(this.#siblings, { unix: true })]);
  }

  /** The worker of a pool is replaced, perhaps by one with newer code, and found until then. */
  #retainSelf(proxy: WorkerProxy): void {
    if (this.#self !== undefined && !isOfPool(this.#self, proxy.id)) proxy.retain(this.#self);
  }

  #surroundings(pool: string): SupplySurroundings {
    const { unresponsive, importFailed } = this.#reported;
    return {
      ...(unresponsive !== undefined && { unresponsive }),
      importFailed: (worker) => {
        // Those of others are not for this pool's callers to end, and whether its own are replaced is not known here.
        if (isOfPool(worker, pool)) importFailed?.(worker.uid);
        return false;
      },
    };
  }

  /** Closes a proxy without calls if there are too many. Pools from the network make room among themselves. */
  #makeRoom(local: boolean): void {
    const limit = local ? MAX_PROXIES : MAX_NETWORK_PROXIES;
    const rivals = [...this.#restored].filter(([, restored]) => local || !restored.local);
    if (rivals.length < limit) return;
    const idle = rivals.find(([, { proxy }]) => proxy.unsettled === 0);
    if (idle === undefined) {
      throw new Error(
        `this worker already serves calls of ${rivals.length} pools; try again when some have ended`,
      );
    }
    this.#drop(...idle);
  }

  #closeIdle(): void {
    this.#sweep = undefined;
    const nowMs = this.#deadlines.now();
    for (const [key, restored] of [...this.#restored]) {
      if (restored.proxy.unsettled > 0 || hasPool(restored)) restored.usedAtMs = nowMs;
      else if (restored.usedAtMs + IDLE_MS <= nowMs) this.#drop(key, restored);
    }
    const dueMs = Math.min(...[...this.#restored.values()].map(({ usedAtMs }) => usedAtMs + IDLE_MS));
    if (dueMs !== Number.POSITIVE_INFINITY) this.#sweep = this.#deadlines.add(dueMs, () => this.#closeIdle());
  }

  #drop(key: string, { proxy }: Restored): void {
    this.#restored.delete(key);
    void proxy.close(); // it has no calls to wait for, and its own failures are warnings
  }
}

/** Whether the pool that a proxy belongs to is known to be there. */
function hasPool({ own, poolConnections }: Restored): boolean {
  for (const connection of poolConnections) if (connection.ended) poolConnections.delete(connection);
  return own || poolConnections.size > 0;
}

const NOT_REBUILDABLE =
  "the pool's discovery works in its own process only; give it a `descriptor`, or open a pool of its own in the routine";

/** @param discovery Of a caller from the network: its words are shortened, and chosen from few. */
function explainForeign(discovery: DiscoveryDescriptor): string {
  const source = describeSource(discovery).slice(0, MAX_SOURCE_TEXT);
  return `the workers of its pool are found by ${source}, which is not what this worker was started with, and callers over the network reach no others; start the worker with --discovery for the same, or open a pool of its own in the routine`;
}

/** Takes the place of a pool that cannot be reached from here: calls fail and say why. */
function refusing(why: string): Dispatcher {
  return {
    call: (request) => Promise.reject(refuse(request, why)),
    stream: (request) => {
      throw refuse(request, why);
    },
  };
}

function refuse({ definition }: CallRequest, why: string): Error {
  return new NoActivePoolError(`Cannot call '${definition.id}' from inside a task: ${why}`);
}
