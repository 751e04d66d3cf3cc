/** Options of worker processes, as users write them, and as they are after checking. */

import { assertPassable } from "../credentials/material/renewable-material.ts";
import { resolveAllowedPeers } from "../credentials/peers/allowed-peers.ts";
import type { Trust } from "../credentials/trust.ts";
import { trustOf } from "../credentials/trust-of.ts";
import { assertEffective } from "../credentials/uses.ts";
import type { WorkerCredentials } from "../credentials/worker-credentials.ts";
import { assertDuration, assertInteger, assertKnownOptions } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { Resources } from "../internal/amounts.ts";
import { LEAST_MESSAGES } from "../session/memory/limits.ts";
import { type ChannelOptions, DEFAULT_CHANNEL_OPTIONS, KEEPALIVE_NEVER_MS } from "../wire/channel-options.ts";
import { assertLaunch } from "./launch/assert-launch.ts";
import { moduleUrl, moduleUrls } from "./launch/module-url.ts";
import type { WorkerInit } from "./launch/worker-init.ts";
import { type NetworkOptions, resolveNetworkOptions } from "./network-options.ts";
import { resolveBuild, resolveResources } from "./record-options.ts";

/** How worker processes are started, and what they advertise. */
export interface ProcessWorkerOptions {
  /**
   * Node options for the worker, for example `["--max-old-space-size=512"]`, added to those inherited from this
   * process. They are passed on unchanged, even those that a worker deliberately does not inherit, such as
   * `--watch`. Default: none.
   */
  readonly execArgv?: readonly string[];
  /**
   * Environment variables of the worker, merged over this process's own; `undefined` takes one away.
   * Default: none.
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * Which build of the program the worker runs, for pools that choose by it: a text of at most 256 characters. It is
   * the value of `MERINO_BUILD` in the worker's environment. Default: what that is without it.
   */
  readonly build?: string;
  /**
   * What the worker has of what routines can need, as `{ gpu: 1 }`: at most 16 amounts, with three decimals at most; see
   * docs/queues.md. Default: what its pool says, or nothing.
   */
  readonly resources?: Readonly<Record<string, number>>;
  /**
   * The longest time for which the worker grants reservations of them, in milliseconds, from 0, which is none. Default
   * 600 000, ten minutes.
   */
  readonly maxReservation?: number;
  /**
   * Milliseconds in which the worker must be ready, `Infinity` for no limit; after that it is killed and its start has
   * failed. Default: the `quorumTimeout` of its pool.
   */
  readonly startTimeout?: number;
  /** Milliseconds that the import of one routine's module may take; `Infinity` for no limit. Default 30 000. */
  readonly importTimeout?: number;
  /**
   * The largest number of root calls that one client may have under way at the worker. Nested calls do not count.
   * Default 100 000.
   */
  readonly maxConcurrentCalls?: number;
  /** Largest message the worker accepts, in bytes. Default 100 MiB. */
  readonly maxMessageSize?: number;
  /**
   * Bytes that all callers on the network together may make the worker hold: arguments that have not come whole, calls
   * that wait, answers that nobody reads. At least three times `maxMessageSize`. Default: what the environment variable
   * `MERINO_MAX_HELD_BYTES` says, or 512 MiB, or a quarter of the memory that it may have if that is less.
   */
  readonly maxHeldBytes?: number;
  /** Milliseconds of silence on a network connection after which callers probe it; `Infinity`: never. Default 30 000. */
  readonly keepaliveTime?: number;
  /**
   * Milliseconds that a probe may stay unanswered before the connection counts as lost; `Infinity`: it never does.
   * Default 10 000.
   */
  readonly keepaliveTimeout?: number;
  /**
   * Address on which the worker also listens for callers of other hosts, for example `"127.0.0.1"`, `"::"` or
   * `"0.0.0.0"`, or a name of this host. Callers on this host go on using its socket. Beyond loopback it needs
   * `credentials`, or `insecure`. Default: none; the worker opens no port.
   */
  readonly host?: string;
  /** Port to listen on, with `host`. Default 0: any free port; the worker announces which. */
  readonly port?: number;
  /**
   * Host to announce instead of the one bound, for example behind NAT or a container's published port. Add the
   * port if that differs too: `"203.0.113.7:7777"`, `"[fd00::7]:7777"`. Only with `host`. Default: the address
   * bound; for `0.0.0.0` or `::`, this host's first address that others can reach.
   */
  readonly advertise?: string;
  /**
   * Address and port on which the worker tells of its health besides, as `grpc.health.v1.Health`: `"0.0.0.0:9000"`. In
   * plain text and to anybody who reaches the port, for probes that have no certificate, and nothing else is served there.
   * Only with `host`. Default: it tells only where it is called, and those who may call it.
   */
  readonly health?: string;
  /**
   * Proves who the worker is to callers of other hosts, and to the workers of other hosts that its routines call; with
   * mutual TLS only callers of the same authority reach it. They travel to the worker over its channel, and those that
   * take their place as well. Default: those of its pool.
   */
  readonly credentials?: WorkerCredentials;
  /**
   * Lets the worker listen beyond this host without credentials: whoever reaches the port can call the routines
   * of its `modules`. Default false.
   */
  readonly insecure?: boolean;
  /**
   * Modules that the worker imports before it serves, in this order: `file:` URLs, or paths from the current
   * directory. One may have no routine, and only set something up. Network callers can call the routines that these
   * declare or re-export, and no others. Default: none.
   */
  readonly modules?: readonly (string | URL)[];
  /**
   * Who may call which routines over the network: identities of certificates and patterns of them, by the identity of
   * the routine or a pattern, as `{ "jobs/*": ["spiffe://farm/api", "*.ops.example"] }`. With such rules, or `rules`, the
   * worker refuses what none of them names. Callers of its own user on its host may call everything. Default: everybody
   * whom its credentials let in, as far as the routine's own `allow` does.
   */
  readonly allow?: Readonly<Record<string, readonly string[]>>;
  /**
   * Module with further rules, its export `rules` or default export: an array of `{ routine, allow }`, in which `allow`
   * may also be a function of the caller. A `file:` URL, or a path from the current directory.
   */
  readonly rules?: string | URL;
  /**
   * Identities of callers, and patterns of them, that may stop the worker over the network. Default: none; a program of
   * its user on its host always may.
   */
  readonly stopAllow?: readonly string[];
  /**
   * Module whose export `accept`, or default export, decides for each task whether the worker takes it: a
   * `file:` URL, or a path from the current directory. Default: it takes what its limits allow.
   */
  readonly accept?: string | URL;
}

/** {@link ProcessWorkerOptions} after validation. */
export interface ResolvedProcessWorkerOptions {
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Undefined: as the pool asks. */
  readonly startTimeoutMs: number | undefined;
  readonly importTimeoutMs: number;
  readonly channel: ChannelOptions;
  /** Undefined: as the pool says. */
  readonly resources: Resources | undefined;
  readonly maxReservationMs: number | undefined;
  readonly maxHeldBytes: number | undefined;
  /** Undefined: those of its pool. */
  readonly trust: Trust | undefined;
  /** Undefined: it opens no port. */
  readonly network: NetworkOptions | undefined;
  /** `file:` URLs. */
  readonly modules: readonly string[];
  readonly accept: string | undefined;
  /** Who may call and stop it over the network. */
  readonly access: Pick<WorkerInit, "allow" | "rules" | "stopAllow">;
}

const PROCESS_OPTIONS: Readonly<Record<keyof ProcessWorkerOptions | "programUrl" | "service", true>> = {
  execArgv: true,
  env: true,
  build: true,
  resources: true,
  maxReservation: true,
  startTimeout: true,
  importTimeout: true,
  maxConcurrentCalls: true,
  maxMessageSize: true,
  maxHeldBytes: true,
  keepaliveTime: true,
  keepaliveTimeout: true,
  host: true,
  port: true,
  advertise: true,
  health: true,
  credentials: true,
  insecure: true,
  modules: true,
  accept: true,
  allow: true,
  rules: true,
  stopAllow: true,
  programUrl: true,
  service: true,
};

const DEFAULT_IMPORT_TIMEOUT_MS = 30_000;

/**
 * Checks the options of worker processes and fills in defaults. Pure; the result shares nothing with its input.
 *
 * @throws {@link InvalidOptionError} naming the first option that cannot be accepted.
 */
export function resolveProcessWorkerOptions(
  options: ProcessWorkerOptions = {},
): ResolvedProcessWorkerOptions {
  assertKnownOptions(options, PROCESS_OPTIONS);
  const { execArgv = [], env = {}, startTimeout, importTimeout = DEFAULT_IMPORT_TIMEOUT_MS } = options;
  const { maxConcurrentCalls, maxMessageSize } = options;
  assertLaunch({ execArgv, env });
  assertDuration("startTimeout", startTimeout, { above: 0 });
  assertDuration("importTimeout", importTimeout, { above: 0 });
  for (const [option, value] of Object.entries({ maxConcurrentCalls, maxMessageSize })) {
    assertInteger(option, value, { least: 1 });
  }
  const leastHeld = LEAST_MESSAGES * (maxMessageSize ?? DEFAULT_CHANNEL_OPTIONS.maxMessageSize);
  assertInteger("maxHeldBytes", options.maxHeldBytes, { least: leastHeld });
  const trust = trustOf(options.credentials);
  if (trust !== undefined) assertPassable(trust);
  return {
    execArgv: [...execArgv],
    env: { ...env, ...resolveBuild(options.build) },
    ...resolveResources(options),
    startTimeoutMs: startTimeout,
    importTimeoutMs: importTimeout,
    channel: {
      ...(maxConcurrentCalls === undefined ? {} : { maxConcurrentCalls }),
      ...(maxMessageSize === undefined ? {} : { maxMessageSize }),
      ...resolveKeepalive("keepaliveTime", options),
      ...resolveKeepalive("keepaliveTimeout", options),
    },
    maxHeldBytes: options.maxHeldBytes,
    trust,
    network: resolveNetwork(options, trust),
    modules: moduleUrls("modules", options.modules ?? []),
    accept: options.accept === undefined ? undefined : moduleUrl("accept", options.accept),
    access: resolveAccess(options),
  };
}

/** Whole milliseconds, as they travel. */
function resolveKeepalive(
  option: "keepaliveTime" | "keepaliveTimeout",
  { [option]: value }: ProcessWorkerOptions,
): ChannelOptions {
  if (value === undefined) return {};
  if (value === Number.POSITIVE_INFINITY) return { [option]: KEEPALIVE_NEVER_MS };
  if (Number.isInteger(value) && value >= 1 && value <= KEEPALIVE_NEVER_MS) return { [option]: value };
  throw new InvalidOptionError(option, {
    value,
    expected: `whole milliseconds from 1 to ${KEEPALIVE_NEVER_MS}, or Infinity for no limit`,
  });
}

function resolveNetwork(options: ProcessWorkerOptions, trust: Trust | undefined): NetworkOptions | undefined {
  const { host, port, advertise, health, insecure } = options;
  if (host !== undefined) {
    const trusted = trust !== undefined;
    if (trusted) assertEffective(trust, "worker");
    return resolveNetworkOptions({ host, port: port ?? 0, advertise, health, insecure }, { trusted });
  }
  for (const [option, value] of Object.entries({ port, advertise, health, insecure })) {
    if (value !== undefined) {
      throw new InvalidOptionError(option, { value, expected: "nothing unless `host` is given as well" });
    }
  }
  return undefined;
}

function resolveAccess({
  host,
  allow,
  rules,
  stopAllow,
}: ProcessWorkerOptions): ResolvedProcessWorkerOptions["access"] {
  for (const [option, value] of Object.entries({ allow, rules, stopAllow })) {
    if (host === undefined && value !== undefined)
      throw new InvalidOptionError(option, { value, expected: "nothing unless `host` is given as well" });
  }
  if (allow !== undefined && (typeof allow !== "object" || allow === null || Array.isArray(allow))) {
    throw new InvalidOptionError("allow", {
      value: allow,
      expected: 'an object of identities by routine, as { "jobs/*": ["spiffe://farm/api"] }',
    });
  }
  for (const [routine, identities] of Object.entries(allow ?? {})) {
    if (!Array.isArray(identities))
      throw new InvalidOptionError(`allow[${JSON.stringify(routine)}]`, {
        value: identities,
        expected: "an array of identities; functions belong into the module of 'rules'",
      });
    resolveAllowedPeers(`allow[${JSON.stringify(routine)}]`, identities);
  }
  if (stopAllow !== undefined) resolveAllowedPeers("stopAllow", stopAllow);
  return {
    ...(allow !== undefined && {
      allow: Object.entries(allow).map(([routine, identities]) => ({ routine, allow: [...identities] })),
    }),
    ...(rules !== undefined && { rules: moduleUrl("rules", rules) }),
    ...(stopAllow !== undefined && { stopAllow: [...stopAllow] }),
  };
}
