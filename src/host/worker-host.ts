/**
 * The inside of a worker, whoever started the process: its listeners, the modules and discoveries that its
 * tasks may reach, and how it ends. It knows neither a parent nor a command line: `main.ts` passes it its options
 * and tells it when to stop.
 */
import { setImmediate } from "node:timers/promises";
import { poolOf } from "../client/membership/pool-label.ts";
import { type Peer, UNKNOWN_PEER } from "../credentials/peers/peer.ts";
import { chooseCopy } from "../identity/copies.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import { amountsOf } from "../internal/amounts.ts";
import { createDeferred } from "../internal/deferred.ts";
import { waitAtMost } from "../internal/time/wait.ts";
import { becomeWorker } from "../internal/worker-role.ts";
import { resolveNetworkOptions } from "../process/network-options.ts";
import { processReferences } from "../routine/process-references.ts";
import type { Carrier } from "../session/carrier.ts";
import type { ConnectionId } from "../session/connection-id.ts";
import { DEFAULT_LIMITS, FEATURES } from "../session/limits.ts";
import { memoryLimits } from "../session/memory/limits.ts";
import { processMemory } from "../session/memory/memory-budget.ts";
import { createShareMemory, ThreadShare } from "../session/memory/thread-share.ts";
import { endLife } from "../state/life.ts";
import { hostId } from "../transport/unix/host-id.ts";
import { ownBuild } from "../wire/build.ts";
import { DEFAULT_CHANNEL_OPTIONS } from "../wire/channel-options.ts";
import { decodeAccessRequest, encodeAccessReport } from "../wire/messages/access-messages.ts";
import { version, WIRE_CODEC } from "../wire/version.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { AcceptHook } from "../worker/accept-hook.ts";
import { AccessRules } from "../worker/access/access-rules.ts";
import { Activity, idleMsIn } from "../worker/activity.ts";
import { TaskServer } from "../worker/task-server.ts";
import { WorkerListeners } from "./listener/worker-listeners.ts";
import { loadAcceptHook } from "./modules/accept-module.ts";
import { exposeModules } from "./modules/expose-modules.ts";
import { ExposedRoutines } from "./modules/exposed-routines.ts";
import { mapReferences } from "./modules/mapped-references.ts";
import { createModuleLoader, type ModuleLoader } from "./modules/module-loader.ts";
import { ownProject } from "./modules/own-project.ts";
import { createRoutineLoader, explainSuspended } from "./modules/routine-loader.ts";
import { loadRules } from "./modules/rules-module.ts";
import { warmValues } from "./modules/warm-values.ts";
import { NestedProxies } from "./nested-proxies.ts";
import { ShutDown } from "./shut-down.ts";
import type { WorkerHostOptions } from "./worker-host-options.ts";

/** How long tasks may take to answer the abort of their signals when the worker ends. */
const FAREWELL_MS = 500;

/**
 * How long a worker that has finished its calls waits until callers have read that it ends, and until their earlier
 * messages have arrived.
 */
const CROSSING_MS = 2_000;

/** A request to stop that came over the control socket. */
export interface StopRequest {
  /** Milliseconds granted to calls in flight: 0 for none, `Infinity` for no limit. */
  readonly graceMs: number;
}

/** A worker that serves. */
export class WorkerHost {
  /** Its own record. */
  readonly metadata: WorkerMetadata;
  /**
   * Resolves with the first request to stop that comes over the control socket of a network worker, unless these go
   * to its parent. Whoever
   * owns the worker answers it with {@link shutDown}; if the process does not end in time, it is killed.
   */
  readonly stopRequested: Promise<StopRequest>;
  readonly #parts: WorkerParts;
  #stopping: Promise<void> | undefined;
  #shutDown: ShutDown | undefined;

  /**
   * Starts it. Resolves when it serves; when that fails, nothing is left open.
   *
   * @throws The error that keeps it from listening, or from importing its modules; {@link InvalidOptionError}
   *   (ERR_MERINO_INVALID_OPTION) for a host or port on which it may not listen.
   */
  static async start(options: WorkerHostOptions): Promise<WorkerHost> {
    const { uid, socketPath, tags, extra, trust, channel, entry, importTimeoutMs } = options;
    const identity = trust?.policy.identity;
    const build = ownBuild();
    const network =
      options.network === undefined
        ? undefined
        : resolveNetworkOptions(options.network, { trusted: trust !== undefined });
    const loader = createModuleLoader({ entry, importTimeoutMs, observer: options.imports });
    let exposed = new ExposedRoutines(); // nothing is, before its modules have been imported
    const exposedBody = (id: string): RoutineDefinition["body"] | undefined => {
      const found = chooseCopy(exposed.find(id), undefined);
      return found?.owner === undefined ? found?.body : undefined; // a method's is only for instances of its class
    };
    becomeWorker({ uid, tags, extra, entry, onOpen: () => loader.onOpen(), exposedBody });
    exposed = await exposeModules(loader, options.modules, options);
    const accept = options.accept === undefined ? undefined : await loadAcceptHook(loader, options.accept);
    const access = await accessRules(options, loader);
    await warmValues(loader, options.warm ?? []);
    // A call that needs one that cannot be imported learns why.
    await Promise.all((options.preload ?? []).map((module) => loader.load(module).catch(() => {})));
    const memory = processMemory();
    memory.configure(memoryLimits(channel.maxMessageSize, options.maxHeldBytes));
    const heldShare = createShareMemory();
    if (network !== undefined) memory.join(new ThreadShare(heldShare, 0));
    const activity = new Activity();
    const { discoveries, unresponsive, importFailed } = options;
    const nested = new NestedProxies(
      { unresponsive, importFailed },
      { discoveries, trust, build, ownPool: poolOf(extra), siblings: options.siblings },
    );
    // Nobody asks a worker without a network how long it has been idle, so its calls need not note it.
    const noted = network === undefined ? undefined : activity;
    const tasks = createTaskServer(options, { loader, exposed, access, accept, nested, activity: noted });
    const stopRequest = createDeferred<StopRequest>();
    let worker: WorkerHost | undefined;
    const listeners = await WorkerListeners.open({
      socketPath,
      printed: options.printed,
      network,
      trust: trust && { policy: trust.policy, material: await trust.current() },
      channel,
      maxHeldBytes: options.maxHeldBytes,
      heldShare,
      activity: activity.memory,
      parentPipe: options.parentPipe,
      parentStops: options.parentStops ?? false,
      stopAllow: options.stopAllow ?? [],
      serve: (carrier) => void tasks.serve(carrier),
      access: (request) => reportAccess(request, { access, exposed }),
      stop: (graceMs) => {
        stopRequest.resolve({ graceMs });
        worker?.cutShort(graceMs);
      },
    }).catch((error: unknown) => {
      tasks.close();
      throw error;
    });
    const metadata: WorkerMetadata = {
      uid,
      address: listeners.address,
      pid: process.pid,
      version,
      tags,
      extra,
      secure: listeners.secure,
      ...(network !== undefined && identity !== undefined && { identity }),
      options: channel,
      runtime: "node",
      codecs: [WIRE_CODEC],
      socket: socketPath,
      hostId: hostId(),
      ...(build !== undefined && { build }),
      ...(options.resources !== undefined && { resources: options.resources }),
    };
    listeners.announce(metadata);
    trust?.follow((material) => listeners.renew(material)); // for as long as the process lives
    // However the process ends, unless it is killed: a body may call `process.exit()`.
    process.on("exit", () => {
      activity.leaving();
      tasks.leave();
    });
    const parts = { tasks, listeners, nested, activity };
    worker = new WorkerHost(metadata, { parts, stopRequested: stopRequest.promise });
    return worker;
  }

  private constructor(
    metadata: WorkerMetadata,
    inside: { readonly parts: WorkerParts; readonly stopRequested: Promise<StopRequest> },
  ) {
    this.metadata = metadata;
    this.#parts = inside.parts;
    this.stopRequested = inside.stopRequested;
  }

  /** Serves another connection of its parent. */
  serve(carrier: Carrier): void {
    this.#parts.tasks.serve(carrier);
  }

  /** Milliseconds for which a worker on the network has had no task; 0 while it has one. */
  get idleMs(): number {
    return idleMsIn(this.#parts.activity.memory);
  }

  /** Takes no more root calls, except those of one connection; those in flight, and what they call, go on. */
  drain(except?: ConnectionId): void {
    this.#leave();
    this.#parts.tasks.drain(except);
    this.#parts.nested.drain(this.metadata);
  }

  /**
   * Drains, waits for the calls in flight, then stops. A later call can only shorten the wait.
   *
   * @param options `graceMs`: milliseconds granted to calls in flight, 0 for none, `Infinity` for no limit.
   */
  shutDown({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.#shutDown ??= new ShutDown((cutShort) => this.#drainAndStop(cutShort));
    this.#shutDown.shorten(graceMs);
    return this.#shutDown.done;
  }

  /** Shortens a {@link shutDown} under way, if there is one. */
  cutShort(graceMs: number): void {
    this.#shutDown?.shorten(graceMs);
  }

  /** Ends what is running and closes everything. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Before the first call is refused. */
  #leave(): void {
    const { activity, listeners } = this.#parts;
    activity.leaving();
    listeners.leave();
  }

  async #drainAndStop(cutShort: Promise<void>): Promise<void> {
    const { tasks } = this.#parts;
    // Calls that came before the request may still be unread, behind a body that kept the thread busy: they count.
    await Promise.race([setImmediate().then(() => setImmediate()), cutShort]);
    this.drain();
    const quiet = async (): Promise<void> => {
      await tasks.idle();
      // Calls that cross the announcement are refused, and go to other workers; if the connection ended, they
      // would be lost.
      await waitAtMost(CROSSING_MS, tasks.caughtUp());
      await tasks.idle();
    };
    await Promise.race([quiet(), cutShort]);
    await this.stop();
  }

  async #stop(): Promise<void> {
    const { tasks, listeners, nested } = this.#parts;
    listeners.closeUnix();
    this.#leave();
    tasks.drain();
    tasks.stopAll();
    await waitAtMost(FAREWELL_MS, tasks.idle());
    tasks.forsakeAll();
    // Other callers' calls that cross the announcement go to other workers; if the connection ended, they would
    // be lost.
    await waitAtMost(FAREWELL_MS, tasks.caughtUp());
    await endLife(); // no body needs it any more, but those that have not ended in time
    await nested.close();
    tasks.close();
    await listeners.close();
  }
}

/** The parts that a worker closes when it ends. */
interface WorkerParts {
  readonly tasks: TaskServer;
  readonly listeners: WorkerListeners;
  readonly nested: NestedProxies;
  readonly activity: Activity;
}

/** What a caller of the network with some identities might call. */
function reportAccess(
  request: Uint8Array,
  { access, exposed }: { readonly access: AccessRules; readonly exposed: ExposedRoutines },
): Uint8Array {
  const peer: Peer = { ...UNKNOWN_PEER, identities: decodeAccessRequest(request), verified: true };
  return encodeAccessReport(
    exposed.all().map((definition) => ({ routine: definition.id, ...access.explain(definition, peer) })),
  );
}

/** All rules of a worker: without any, no routine needs one. */
async function accessRules(
  { allow = [], rules }: WorkerHostOptions,
  loader: ModuleLoader,
): Promise<AccessRules> {
  const loaded = rules === undefined ? [] : await loadRules(loader, rules);
  return new AccessRules(rules === undefined && allow.length === 0 ? undefined : [...allow, ...loaded]);
}

function createTaskServer(
  options: WorkerHostOptions,
  inside: {
    readonly loader: ModuleLoader;
    readonly exposed: ExposedRoutines;
    readonly access: AccessRules;
    readonly accept: AcceptHook | undefined;
    readonly nested: NestedProxies;
    readonly activity: Activity | undefined;
  },
): TaskServer {
  const { uid, channel, importOnDemand, mappings = [], modules, entry } = options;
  const { loader, exposed, access, accept, nested, activity } = inside;
  const limits = { ...DEFAULT_LIMITS, maxMessage: channel.maxMessageSize ?? DEFAULT_LIMITS.maxMessage };
  return new TaskServer({
    hello: { session: 0, version, uid, runtime: "node", codecs: [WIRE_CODEC], features: FEATURES, limits },
    resolver: createRoutineLoader(loader, {
      exposed,
      importOnDemand,
      mappings,
      project: ownProject([...modules, ...(entry === undefined ? [] : [entry])]),
    }),
    references: mapReferences(processReferences, mappings),
    access,
    accept,
    activity,
    meter: options.meter,
    resources: amountsOf(options.resources),
    maxReservationMs: options.maxReservationMs,
    spinner: options.spinner,
    origin: `worker ${process.pid} (${uid})`,
    maxRootTasks: 2 * (channel.maxConcurrentCalls ?? DEFAULT_CHANNEL_OPTIONS.maxConcurrentCalls),
    nestedDispatcher: (descriptor, origin) => nested.dispatcher(descriptor, origin),
    explainError: (definition, error) => explainSuspended(loader, definition, error),
  });
}
