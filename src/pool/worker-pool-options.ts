/**
 * Options of a pool, as users write them, and as they are after checking. The defaults of those that a proxy has as well
 * (`quorumTimeout`, for example) are in `client/worker-proxy-options.ts`.
 */

import { availableParallelism } from "node:os";
import type { Balancer, BalancerFactory } from "../balancer/balancer.ts";
import type { BuildOption } from "../client/membership/build-rule.ts";
import type { Overflow } from "../client/waiting/queue-bound.ts";
import { resolveWorkerProxyOptions, type WorkerProxyOptions } from "../client/worker-proxy-options.ts";
import { assertPassable } from "../credentials/material/renewable-material.ts";
import type { Trust } from "../credentials/trust.ts";
import type { WorkerCredentials } from "../credentials/worker-credentials.ts";
import type { Discovery, DiscoveryFactory } from "../discovery/discovery.ts";
import { assertBoolean, assertDuration, assertInteger, assertKnownOptions } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { Resources } from "../internal/amounts.ts";
import { ProcessWorker } from "../process/process-worker.ts";
import { resolveExtra, resolveResources } from "../process/record-options.ts";
import {
  type RecycleOptions,
  type ResolvedRecycleOptions,
  resolveRecycle,
} from "../process/recycle/recycle-options.ts";
import type { WorkerFactory } from "../process/worker.ts";
import type { PerWorker } from "../state/per-worker.ts";
import { resolveWarm } from "../state/warm-option.ts";
import type { WarmValue } from "../state/worker-values.ts";
import { ThreadWorker } from "../thread/thread-worker.ts";
import { type ResolvedSizeRange, resolveSizeRange, type SizeRange } from "./size/size-range.ts";

/** How a pool gets its workers and uses them. */
export interface WorkerPoolOptions {
  /**
   * Workers to spawn: an integer from 0, where 0 means one per available CPU; or a range, within which there are as many
   * as there is work for. Default: one per available CPU, or none when a `discovery` is given.
   */
  readonly size?: number | SizeRange | undefined;
  /**
   * When a spawned worker is replaced by a new one, so that what it leaks stays bounded: after so many calls, after a
   * time, or when its memory is as large. The new one is started, and has what is to be `warm`, before the old one gets no
   * more calls; the old one finishes those that it has, within `shutdownTimeout`. One is replaced at a time, and further
   * ones only while half of the pool is not. Default: never.
   */
  readonly recycle?: RecycleOptions | undefined;
  /**
   * The largest number of discovered workers that the pool admits besides its own: an integer from 0, or from 1
   * in a pool that spawns none. A cap on admission, not a reservation. Without a `discovery` it caps nothing,
   * which a warning (`MERINO_INEFFECTIVE_LEASE`) says. Default: no limit.
   */
  readonly lease?: number | undefined;
  /**
   * Where further workers are found, and where the pool's own are published; or a function that makes it when the pool
   * is opened, asynchronously if need be. What it makes is the pool's own and is closed with it: with
   * `[Symbol.asyncDispose]()`, `close()` or `[Symbol.dispose]()`, where it has one of these. Default: none.
   */
  readonly discovery?: Discovery | DiscoveryFactory | undefined;
  /**
   * Tags of the spawned workers; of discovered workers, only those with at least one of these tags are used.
   * Default: no tags, and all discovered workers are used.
   */
  readonly tags?: readonly string[] | undefined;
  /**
   * Further entries of the spawned workers' records, for whoever finds them to choose by: at most 255 strings, of 4 096
   * characters each. Names that begin with `merino.` are the library's. Default: none.
   */
  readonly extra?: Readonly<Record<string, string>> | undefined;
  /**
   * Proves who the pool and its workers are to others on networks, and by what it knows these: for its connections to
   * workers, and for its own workers where they have none of their own. Workers of this host are reached over their
   * sockets either way. Default: none.
   */
  readonly credentials?: WorkerCredentials | undefined;
  /**
   * Whether routines run in this very process, without any worker: for unit tests, and for a small deployment. Arguments
   * and results are encoded and decoded as on the way to a worker, and deadlines, signals, streams and `currentTask()`
   * are as there; a body that blocks its thread blocks the program. Cannot be given together with `size`, `lease`,
   * `discovery`, `worker` or `credentials`. Default false.
   */
  readonly local?: boolean | undefined;
  /**
   * What the spawned workers run in: `"process"`, each in a process of its own; `"thread"`, each in a thread of this one;
   * or a function that makes each of them, such as `ProcessWorker.factory()` and `ThreadWorker.factory()` with options.
   * One of your own may choose between two of these by `context.slot`, the number of the place. Default `"process"`.
   */
  readonly worker?: "process" | "thread" | WorkerFactory | undefined;
  /**
   * Values of `perWorker()` that each spawned worker has before it is ready, and so before `open()` resolves; with `local`,
   * the program. One that cannot be made fails the start of its worker. They are made within the time that a worker has
   * to start. Default: none; each is made when it is first asked for.
   */
  readonly warm?: readonly PerWorker<unknown>[] | undefined;
  /** The order in which workers are offered calls; or a function that makes it, as for `discovery`. Default: `LeastBusyBalancer`. */
  readonly balancer?: Balancer | BalancerFactory | undefined;
  /**
   * What each worker that the pool spawns has of what routines can need, or the program with `local: true`, as
   * `{ gpu: 1 }`: at most 16 amounts, with three decimals at most. Options of a worker's own factory come first. See
   * docs/queues.md. Default: nothing.
   */
  readonly resources?: Readonly<Record<string, number>> | undefined;
  /** Members that must be ready, connected that is, before the first call goes out: an integer from 0. Default 1. */
  readonly quorum?: number | undefined;
  /**
   * Milliseconds, from 0, that calls wait for a worker while there is none, `Infinity` for no limit; also how long a
   * spawned worker may take to start, unless its factory says otherwise (`startTimeout` of a process). Default 60 000.
   */
  readonly quorumTimeout?: number | undefined;
  /**
   * How many calls may wait for a worker, an integer from 0; from 1 with `overflow: "wait"`. Calls made inside tasks do
   * not count out. Default: any number; a warning (`MERINO_LONG_QUEUE`) tells of 100 000.
   */
  readonly maxQueue?: number | undefined;
  /**
   * What becomes of a call when as many wait: `"reject"`, it rejects at once with `QueueFullError`; `"wait"`, its promise
   * waits, and its arguments are encoded once there is a place. Default `"reject"`.
   */
  readonly overflow?: Overflow | undefined;
  /** Milliseconds, from 0, that `close()` lets calls finish; `Infinity` for no limit. Default 60 000. */
  readonly shutdownTimeout?: number | undefined;
  /**
   * Which builds of the program the pool takes of those that it finds: only workers of the `"same"` build as this
   * process, `"any"`, or those that a function accepts. What build a process runs is what the environment variable
   * `MERINO_BUILD` says. Workers that the pool spawns are used whatever they say. Default `"any"`.
   */
  readonly build?: BuildOption | undefined;
  /** Whether discovery starts with the first call. Spawned workers always start with `open()`. Default true. */
  readonly lazy?: boolean | undefined;
  /** Whether calls made outside any pool go to this one while it is the last opened. Default true. */
  readonly ambient?: boolean | undefined;
  /** Whether a worker that dies is replaced. Default true. */
  readonly respawn?: boolean | undefined;
  /**
   * Milliseconds that a worker may leave a ping unanswered after a call on it was cancelled, before it is
   * killed and replaced; also how long a worker that is asked to end may take before it is killed. `Infinity`: it
   * never is, and `close()` waits for a routine that blocks it. Default 5 000.
   */
  readonly killGrace?: number | undefined;
}

/** {@link WorkerPoolOptions} after validation. */
export interface ResolvedWorkerPoolOptions {
  /** The most that it spawns. */
  readonly size: number;
  /** Between which numbers it keeps itself; absent where the number is fixed. */
  readonly range: ResolvedSizeRange | undefined;
  /** When its workers are replaced; absent: never. */
  readonly recycle: ResolvedRecycleOptions | undefined;
  readonly tags: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
  /** Makes its workers; absent where it starts none, and needs none of the files that they are started from. */
  readonly worker: WorkerFactory | undefined;
  /** Whether it may have workers that only its own workers find. */
  readonly mayHideWorkers: boolean;
  /** Whether bodies run in this process; the size is 0 then. */
  readonly local: boolean;
  readonly trust: Trust | undefined;
  /** Names of the values that its workers have before they serve. */
  readonly warm: readonly WarmValue[];
  /** What each of its workers has. */
  readonly resources: Resources | undefined;
  /** There is a lease for workers that the pool finds, and nothing to find any by. */
  readonly leaseHasNoEffect: boolean;
  /** Whether a function is to make the discovery, or the balancer. */
  readonly partsAreMade: boolean;
  /** Where its own workers are announced. `"later"`: in what is made. Undefined: in a private discovery. */
  readonly announcedIn: Discovery | "later" | undefined;
  /** Options of its proxy; the lease there counts own and found workers together. */
  readonly proxy: WorkerProxyOptions;
  /** How long a worker may take to start, unless its factory says otherwise. */
  readonly startTimeoutMs: number;
  /** How long a worker that is asked to end may take. */
  readonly killGraceMs: number;
  readonly shutdownTimeoutMs: number;
  readonly ambient: boolean;
  readonly respawn: boolean;
}

const POOL_OPTIONS: Readonly<Record<keyof WorkerPoolOptions, true>> = {
  size: true,
  recycle: true,
  lease: true,
  discovery: true,
  tags: true,
  extra: true,
  build: true,
  credentials: true,
  local: true,
  worker: true,
  warm: true,
  resources: true,
  balancer: true,
  quorum: true,
  quorumTimeout: true,
  maxQueue: true,
  overflow: true,
  shutdownTimeout: true,
  lazy: true,
  ambient: true,
  respawn: true,
  killGrace: true,
};

/**
 * Checks the options of a pool and fills in defaults. Pure.
 *
 * @throws {@link InvalidOptionError} for the first option, or combination, that cannot be accepted.
 */
export function resolveWorkerPoolOptions(options: WorkerPoolOptions): ResolvedWorkerPoolOptions {
  assertKnownOptions(options, POOL_OPTIONS);
  const { lease, discovery, worker = "process", local = false } = options;
  const { ambient = true, respawn = true, shutdownTimeout = 60_000 } = options;
  assertBoolean("local", local);
  if (local) assertWithoutWorkers(options);
  const range = local ? undefined : resolveRange(options.size);
  const size = local ? 0 : (range?.max ?? resolveSize(options.size as number | undefined, discovery));
  assertInteger("lease", lease, { least: size === 0 ? 1 : 0 });
  assertBoolean("ambient", ambient);
  assertBoolean("respawn", respawn);
  assertDuration("shutdownTimeout", shutdownTimeout);
  const capacity = lease === undefined ? undefined : size + lease;
  const reachable = capacity ?? (discovery === undefined ? (local ? 1 : size) : undefined);
  assertInteger("quorum", options.quorum, { least: 0 });
  if (options.quorum !== undefined && reachable !== undefined && options.quorum > reachable) {
    throw new InvalidOptionError("quorum", {
      value: options.quorum,
      expected: `at most ${reachable}, all the workers this pool can have`,
    });
  }
  const proxy: WorkerProxyOptions = {
    discovery,
    credentials: options.credentials,
    lease: capacity,
    balancer: options.balancer,
    quorum: options.quorum,
    quorumTimeout: options.quorumTimeout,
    tags: options.tags,
    build: options.build,
    lazy: options.lazy,
    killGrace: options.killGrace,
    maxQueue: options.maxQueue,
    overflow: options.overflow,
  };
  const resolved = resolveWorkerProxyOptions(proxy, { sourceRequired: false });
  const {
    tags,
    quorumTimeoutMs,
    killGraceMs,
    makeDiscovery,
    makeBalancer,
    discovery: given,
    trust,
  } = resolved;
  if (size > 0 && trust !== undefined) assertPassable(trust);
  const recycle = options.recycle === undefined ? undefined : resolveRecycle(options.recycle);
  if (recycle !== undefined && size === 0) {
    throw new InvalidOptionError("recycle", {
      value: options.recycle,
      expected: "nothing, since this pool spawns no workers",
      advice: local
        ? "Bodies run in the program itself, which cannot be replaced"
        : "Whoever starts those that it finds says when they are replaced: `merino worker --recycle-memory`",
    });
  }
  const warm = resolveWarm(options.warm);
  if (warm.length > 0 && size === 0 && !local) {
    throw new InvalidOptionError("warm", {
      value: options.warm,
      expected: "nothing, since this pool spawns no workers",
      advice: "Whoever starts those that it finds says what they have: `merino worker --warm`",
    });
  }
  const { resources } = resolveResources({ resources: options.resources });
  if (resources !== undefined && size === 0 && !local) {
    throw new InvalidOptionError("resources", {
      value: options.resources,
      expected: "nothing, since this pool spawns no workers",
      advice: "Whoever starts those that it finds says what they have: `merino worker --resource`",
    });
  }
  return {
    size,
    range,
    recycle,
    tags,
    extra: options.extra === undefined ? {} : resolveExtra(options.extra),
    partsAreMade: makeDiscovery !== undefined || makeBalancer !== undefined,
    announcedIn: makeDiscovery === undefined ? given : "later",
    leaseHasNoEffect: lease !== undefined && discovery === undefined,
    worker: resolveWorker(worker, size),
    mayHideWorkers: worker !== "process",
    local,
    trust,
    warm,
    resources,
    proxy: { ...proxy, tags },
    startTimeoutMs: quorumTimeoutMs,
    killGraceMs,
    shutdownTimeoutMs: shutdownTimeout,
    ambient,
    respawn,
  };
}

/** Options that say which workers there are. */
const OF_WORKERS = ["size", "lease", "discovery", "worker", "credentials"] as const;

function assertWithoutWorkers(options: WorkerPoolOptions): void {
  const given = OF_WORKERS.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  throw new InvalidOptionError(given, {
    value: options[given],
    expected: "nothing, since a pool with `local: true` has no workers",
    advice: "Leave one of the two out",
  });
}

function resolveWorker(worker: unknown, size: number): WorkerFactory | undefined {
  if (worker !== "process" && worker !== "thread" && typeof worker !== "function") {
    throw new InvalidOptionError("worker", {
      value: worker,
      expected: '"process", "thread", or a worker factory, such as ThreadWorker.factory()',
    });
  }
  if (size === 0) return undefined;
  if (worker === "process") return ProcessWorker.factory();
  if (worker === "thread") return ThreadWorker.factory();
  return worker as WorkerFactory; // checked with each worker that it makes
}

function resolveRange(size: WorkerPoolOptions["size"]): ResolvedSizeRange | undefined {
  const isRange = typeof size === "object" && size !== null && !Array.isArray(size);
  return isRange ? resolveSizeRange(size) : undefined;
}

function resolveSize(size: number | undefined, discovery: WorkerPoolOptions["discovery"]): number {
  if (size === undefined) return discovery === undefined ? availableParallelism() : 0;
  if (!(Number.isSafeInteger(size) && size >= 0)) {
    throw new InvalidOptionError("size", {
      value: size,
      expected: "an integer from 0, or a range, as { min: 1, max: 8 }",
    });
  }
  return size === 0 ? availableParallelism() : size;
}
