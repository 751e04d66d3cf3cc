/** Options of workers in threads, as users write them, and as they are after checking. */
import type { ResourceLimits } from "node:worker_threads";
import { assertPassable } from "../credentials/material/renewable-material.ts";
import type { Trust } from "../credentials/trust.ts";
import { trustOf } from "../credentials/trust-of.ts";
import type { WorkerCredentials } from "../credentials/worker-credentials.ts";
import { assertDuration, assertInteger, assertKnownOptions } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { Resources } from "../internal/amounts.ts";
import { assertLaunch } from "../process/launch/assert-launch.ts";
import { moduleUrl, moduleUrls } from "../process/launch/module-url.ts";
import { resolveBuild, resolveResources } from "../process/record-options.ts";
import type { ChannelOptions } from "../wire/channel-options.ts";

/** Limits of a thread's memory, in MB. What is absent has Node's own default. */
export interface ThreadResourceLimits {
  /** The JavaScript heap, without what is new in it. Node's default depends on the memory of the machine. */
  readonly maxOldGenerationSizeMb?: number | undefined;
  /** The part of the heap for what is new. */
  readonly maxYoungGenerationSizeMb?: number | undefined;
  /** Memory for generated code. */
  readonly codeRangeSizeMb?: number | undefined;
  /** The stack. Node's default is 4. */
  readonly stackSizeMb?: number | undefined;
}

/** How workers in threads are started, and what they advertise. */
export interface ThreadWorkerOptions {
  /**
   * Limits of the thread's memory: one that reaches the limit of its heap ends, and its calls fail with a
   * `WorkerLostError` whose `worker.limit` says which; the program goes on. Node 24 and 26 do not manage that for a body
   * that makes large arrays in a loop without end. Buffers are outside the heap. Node options
   * of the program that set sizes of the heap (`--max-old-space-size`) hold for threads, and before these. Default:
   * Node's own.
   */
  readonly resourceLimits?: ThreadResourceLimits | undefined;
  /**
   * Node options for the thread, for example `["--enable-source-maps"]`, added to those inherited from this process.
   * Only such as Node takes for a thread; those of V8 hold for the process as a whole. Default: none.
   */
  readonly execArgv?: readonly string[] | undefined;
  /**
   * Environment variables of the thread, which has a copy of this process's own; `undefined` takes one away.
   * `NODE_OPTIONS` and `TZ` have no effect there. Default: none.
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Which build of the program the worker runs, as for processes. Default: `MERINO_BUILD` of its environment. */
  readonly build?: string | undefined;
  /** What the worker has of what routines can need, as for processes. Default: what its pool says, or nothing. */
  readonly resources?: Readonly<Record<string, number>> | undefined;
  /** The longest time for which it grants reservations, as for processes. Default 600 000. */
  readonly maxReservation?: number | undefined;
  /** Name of the thread for debuggers and tools of the system, which may cut it. Default `"merino worker"`. */
  readonly name?: string | undefined;
  /**
   * Milliseconds in which the worker must be ready, `Infinity` for no limit; after that it is terminated and its start
   * has failed. Default: the `quorumTimeout` of its pool.
   */
  readonly startTimeout?: number | undefined;
  /** Milliseconds that the import of one routine's module may take; `Infinity` for no limit. Default 30 000. */
  readonly importTimeout?: number | undefined;
  /**
   * The largest number of root calls that one client may have under way at the worker. Nested calls do not count.
   * Default 100 000.
   */
  readonly maxConcurrentCalls?: number | undefined;
  /** Largest message the worker accepts, in bytes. Default 100 MiB. */
  readonly maxMessageSize?: number | undefined;
  /** Proves who the worker is to the workers of other hosts that its routines call. Default: those of its pool. */
  readonly credentials?: WorkerCredentials | undefined;
  /**
   * Modules that the worker imports before it serves, in this order: `file:` URLs, or paths from the current
   * directory. Default: none.
   */
  readonly modules?: readonly (string | URL)[] | undefined;
  /**
   * Module whose export `accept`, or default export, decides for each task whether the worker takes it: a
   * `file:` URL, or a path from the current directory. Default: it takes what its limits allow.
   */
  readonly accept?: string | URL | undefined;
}

/** {@link ThreadWorkerOptions} after validation. */
export interface ResolvedThreadWorkerOptions {
  readonly resourceLimits: ResourceLimits;
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly name: string;
  /** Undefined: as the pool asks. */
  readonly startTimeoutMs: number | undefined;
  readonly importTimeoutMs: number;
  readonly channel: ChannelOptions;
  /** Undefined: as the pool says. */
  readonly resources: Resources | undefined;
  readonly maxReservationMs: number | undefined;
  /** Undefined: those of its pool. */
  readonly trust: Trust | undefined;
  /** `file:` URLs. */
  readonly modules: readonly string[];
  readonly accept: string | undefined;
}

const THREAD_OPTIONS: Readonly<Record<keyof ThreadWorkerOptions, true>> = {
  resourceLimits: true,
  execArgv: true,
  env: true,
  build: true,
  resources: true,
  maxReservation: true,
  name: true,
  startTimeout: true,
  importTimeout: true,
  maxConcurrentCalls: true,
  maxMessageSize: true,
  credentials: true,
  modules: true,
  accept: true,
};

const RESOURCE_LIMITS: Readonly<Record<keyof ThreadResourceLimits, true>> = {
  maxOldGenerationSizeMb: true,
  maxYoungGenerationSizeMb: true,
  codeRangeSizeMb: true,
  stackSizeMb: true,
};

/** Options of a process that say where it listens and who may call it there. */
const OF_NETWORKS = [
  "host",
  "port",
  "advertise",
  "health",
  "insecure",
  "allow",
  "rules",
  "stopAllow",
  "maxHeldBytes",
  "keepaliveTime",
  "keepaliveTimeout",
];

const DEFAULT_IMPORT_TIMEOUT_MS = 30_000;
const DEFAULT_NAME = "merino worker";

/**
 * Checks the options of workers in threads and fills in defaults. Pure; the result shares nothing with its input.
 *
 * @throws {@link InvalidOptionError} naming the first option that cannot be accepted.
 */
export function resolveThreadWorkerOptions(options: ThreadWorkerOptions = {}): ResolvedThreadWorkerOptions {
  refuseNetwork(options);
  assertKnownOptions(options, THREAD_OPTIONS);
  const { execArgv = [], env = {}, name = DEFAULT_NAME } = options;
  const { startTimeout, importTimeout = DEFAULT_IMPORT_TIMEOUT_MS } = options;
  const { maxConcurrentCalls, maxMessageSize } = options;
  assertLaunch({ execArgv, env });
  if (typeof name !== "string" || name === "" || name.includes("\0"))
    throw new InvalidOptionError("name", { value: name, expected: "a string that is not empty" });
  assertDuration("startTimeout", startTimeout, { above: 0 });
  assertDuration("importTimeout", importTimeout, { above: 0 });
  assertInteger("maxConcurrentCalls", maxConcurrentCalls, { least: 1 });
  assertInteger("maxMessageSize", maxMessageSize, { least: 1 });
  const trust = trustOf(options.credentials);
  if (trust !== undefined) assertPassable(trust);
  return {
    resourceLimits: resolveResourceLimits(options.resourceLimits ?? {}),
    execArgv: [...execArgv],
    env: { ...env, ...resolveBuild(options.build) },
    name,
    ...resolveResources(options),
    startTimeoutMs: startTimeout,
    importTimeoutMs: importTimeout,
    channel: {
      ...(maxConcurrentCalls === undefined ? {} : { maxConcurrentCalls }),
      ...(maxMessageSize === undefined ? {} : { maxMessageSize }),
    },
    trust,
    modules: moduleUrls("modules", options.modules ?? []),
    accept: options.accept === undefined ? undefined : moduleUrl("accept", options.accept),
  };
}

function resolveResourceLimits(limits: ThreadResourceLimits): ResourceLimits {
  if (typeof limits !== "object" || limits === null || Array.isArray(limits)) {
    throw new InvalidOptionError("resourceLimits", {
      value: limits,
      expected: "an object of sizes in MB, as { maxOldGenerationSizeMb: 512 }",
    });
  }
  const resolved: ResourceLimits = {};
  for (const [name, mb] of Object.entries(limits) as [keyof ThreadResourceLimits, unknown][]) {
    if (mb === undefined) continue;
    if (!Object.hasOwn(RESOURCE_LIMITS, name) || typeof mb !== "number" || !(mb > 0 && mb < 2 ** 31)) {
      throw new InvalidOptionError(`resourceLimits.${name}`, {
        value: mb,
        expected: Object.hasOwn(RESOURCE_LIMITS, name)
          ? "a size in MB, above 0"
          : `one of the limits ${Object.keys(RESOURCE_LIMITS).join(", ")}`,
      });
    }
    resolved[name] = mb;
  }
  return resolved;
}

function refuseNetwork(options: object): void {
  for (const name of OF_NETWORKS) {
    const value: unknown = (options as Record<string, unknown> | null)?.[name];
    if (value === undefined) continue;
    throw new InvalidOptionError(name, {
      value,
      expected: "nothing, since a worker in a thread opens no port",
      advice: "For workers that others reach over a network use ProcessWorker.factory()",
    });
  }
}
