/** Options of a proxy, as users write them, and as they are after checking. */
import type { Balancer, BalancerFactory } from "../balancer/balancer.ts";
import { LeastBusyBalancer } from "../balancer/least-busy-balancer.ts";
import type { Trust } from "../credentials/trust.ts";
import { trustOf } from "../credentials/trust-of.ts";
import type { WorkerCredentials } from "../credentials/worker-credentials.ts";
import type { Discovery, DiscoveryFactory } from "../discovery/discovery.ts";
import { LocalDiscovery } from "../discovery/local/local-discovery.ts";
import { StaticDiscovery } from "../discovery/static-discovery.ts";
import {
  assertBoolean,
  assertDuration,
  assertInteger,
  assertKnownOptions,
  assertMethods,
} from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { assertFactory, partOption } from "./made-parts.ts";
import { type BuildOption, type BuildRule, resolveBuildRule } from "./membership/build-rule.ts";
import type { Overflow } from "./waiting/queue-bound.ts";

/** Where a proxy finds its workers: exactly one of the three. */
export interface WorkerSource {
  /**
   * Any discovery, or a function that makes one when the proxy is opened, asynchronously if need be. What it makes is
   * the proxy's own and is closed with it: with `[Symbol.asyncDispose]()`, `close()` or `[Symbol.dispose]()`, where it
   * has one of these.
   */
  readonly discovery?: Discovery | DiscoveryFactory | undefined;
  /** A fixed list of records and addresses, as for `StaticDiscovery`. */
  readonly workers?: readonly (WorkerMetadata | string)[] | undefined;
  /** The workers of this user on this host that are announced under a name, as for `LocalDiscovery`. */
  readonly namespace?: string | undefined;
}

/** How a proxy chooses workers and waits for them. */
export interface WorkerProxyOptions extends WorkerSource {
  /** The largest number of members; an integer from 1. Default: no limit. */
  readonly lease?: number | undefined;
  /** The order in which workers are offered calls; or a function that makes it, as for `discovery`. Default: `LeastBusyBalancer`. */
  readonly balancer?: Balancer | BalancerFactory | undefined;
  /** Members that must be ready, connected that is, before the first call goes out; an integer from 0, at most `lease`. Default 1. */
  readonly quorum?: number | undefined;
  /** Milliseconds, from 0, that calls wait for a worker when there is none; `Infinity` for no limit. Default 60 000. */
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
  /**
   * Proves who this side is to workers on networks, and by what it knows them. With it only workers that have
   * credentials are used, without it only such as have none; workers of this host are reached over their sockets
   * either way. Default: none.
   */
  readonly credentials?: WorkerCredentials | undefined;
  /** Only workers with at least one of these tags. Default: all. */
  readonly tags?: readonly string[] | undefined;
  /**
   * Which builds of the program it takes: only workers of the `"same"` build as this process, `"any"`, or those that a
   * function accepts. What build a process runs is what the environment variable `MERINO_BUILD` says. Default `"any"`.
   */
  readonly build?: BuildOption | undefined;
  /** Whether discovery starts with the first call instead of with `open()`. Default true. */
  readonly lazy?: boolean | undefined;
  /**
   * Milliseconds a cancelled call's worker may leave a ping unanswered before it counts as blocked; `Infinity`: it never
   * does. Default 5 000.
   */
  readonly killGrace?: number | undefined;
}

/** {@link WorkerProxyOptions} after validation. */
export interface ResolvedWorkerProxyOptions {
  readonly discovery: Discovery | undefined;
  /** Makes the discovery, in place of one that is there. */
  readonly makeDiscovery: DiscoveryFactory | undefined;
  readonly lease: number | undefined;
  readonly balancer: Balancer;
  /** Makes the balancer, in place of the default one. */
  readonly makeBalancer: BalancerFactory | undefined;
  readonly trust: Trust | undefined;
  readonly quorum: number;
  readonly quorumTimeoutMs: number;
  readonly tags: readonly string[];
  /** Undefined: it takes all. */
  readonly build: BuildRule | undefined;
  readonly lazy: boolean;
  readonly killGraceMs: number;
  readonly maxQueue: number | undefined;
  readonly overflow: Overflow;
}

const PROXY_OPTIONS: Readonly<Record<keyof WorkerProxyOptions, true>> = {
  discovery: true,
  workers: true,
  namespace: true,
  lease: true,
  balancer: true,
  credentials: true,
  quorum: true,
  quorumTimeout: true,
  tags: true,
  build: true,
  lazy: true,
  killGrace: true,
  maxQueue: true,
  overflow: true,
};

/** How long connecting to a worker may take, up to the worker's Hello, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Checks the options of a proxy and fills in defaults.
 *
 * @param sourceRequired False for the proxy of a pool that only spawns.
 * @throws {@link InvalidOptionError} for the first option, or combination, that cannot be accepted.
 */
export function resolveWorkerProxyOptions(
  options: WorkerProxyOptions,
  { sourceRequired = true }: { readonly sourceRequired?: boolean } = {},
): ResolvedWorkerProxyOptions {
  assertKnownOptions(options, PROXY_OPTIONS);
  const { discovery, workers, namespace, lease, balancer, quorum = 1, tags = [], lazy = true } = options;
  const { quorumTimeout = 60_000, killGrace = 5_000 } = options;
  const given = [discovery, workers, namespace].filter((source) => source !== undefined).length;
  if (given > 1 || (given === 0 && sourceRequired)) {
    throw new InvalidOptionError("discovery", {
      value: given === 0 ? undefined : { discovery, workers, namespace },
      expected: "exactly one of { discovery }, { workers } and { namespace }",
    });
  }
  const discoveryOption = partOption<Discovery>(discovery, "subscribe");
  const balancerOption = partOption<Balancer>(balancer, "delegate");
  assertMethods("discovery", discoveryOption.given, ["subscribe", "publisher"]);
  assertMethods("balancer", balancerOption.given, ["delegate"]);
  assertFactory("discovery", discoveryOption.make);
  assertFactory("balancer", balancerOption.make);
  assertInteger("lease", lease, { least: 1 });
  assertInteger("quorum", quorum, { least: 0 });
  if (lease !== undefined && quorum > lease) {
    throw new InvalidOptionError("quorum", { value: quorum, expected: `at most the capacity of ${lease}` });
  }
  if (options.quorum !== undefined && Array.isArray(workers) && quorum > workers.length) {
    throw new InvalidOptionError("quorum", {
      value: quorum,
      expected: `at most ${workers.length}, the workers of the list`,
    });
  }
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string" && tag !== "")) {
    throw new InvalidOptionError("tags", { value: tags, expected: "an array of non-empty strings" });
  }
  const { maxQueue, overflow = "reject" } = options;
  assertOverflow(maxQueue, overflow);
  const trust = trustOf(options.credentials);
  assertBoolean("lazy", lazy);
  assertDuration("quorumTimeout", quorumTimeout);
  assertDuration("killGrace", killGrace);
  return {
    makeDiscovery: discoveryOption.make,
    discovery:
      discoveryOption.given ??
      (workers === undefined ? undefined : new StaticDiscovery(workers)) ??
      localDiscovery(namespace),
    lease,
    makeBalancer: balancerOption.make,
    balancer: balancerOption.given ?? new LeastBusyBalancer(),
    trust,
    quorum,
    quorumTimeoutMs: quorumTimeout,
    tags: [...tags],
    build: resolveBuildRule(options.build),
    lazy,
    killGraceMs: killGrace,
    maxQueue,
    overflow,
  };
}

function assertOverflow(maxQueue: unknown, overflow: unknown): void {
  if (overflow !== "reject" && overflow !== "wait") {
    throw new InvalidOptionError("overflow", { value: overflow, expected: '"reject" or "wait"' });
  }
  if (overflow === "wait" && maxQueue === undefined) {
    throw new InvalidOptionError("overflow", {
      value: overflow,
      expected: "a 'maxQueue' beside it, since nothing overflows without one",
    });
  }
  assertInteger("maxQueue", maxQueue, { least: overflow === "wait" ? 1 : 0 });
}

function localDiscovery(namespace: string | undefined): Discovery | undefined {
  return namespace === undefined ? undefined : new LocalDiscovery(namespace);
}
