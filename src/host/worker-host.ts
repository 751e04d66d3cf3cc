/**
 * The inside of a worker, whoever started the process: what serves it, what its tasks may reach, and how it
 * ends. It knows neither a parent nor a command line; those hand it its options and tell it when to stop.
 */
import type { DiscoveryDescriptor } from "../discovery/discovery.ts";
import { hostId } from "../discovery/runtime-directory.ts";
import { becomeWorker } from "../internal/worker-role.ts";
import { processReferences } from "../routine/process-references.ts";
import type { ConnectionId } from "../session/connection-id.ts";
import { DEFAULT_LIMITS, FEATURES } from "../session/limits.ts";
import { listenUnix, type UnixListener } from "../transport/unix-connect.ts";
import { type ChannelOptions, DEFAULT_CHANNEL_OPTIONS } from "../wire/channel-options.ts";
import { version, WIRE_CODEC } from "../wire/version.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { TaskServer } from "../worker/task-server.ts";
import { createModuleLoader } from "./module-loader.ts";
import { NestedProxies } from "./nested-proxies.ts";
import { createRoutineLoader, explainSuspended } from "./routine-loader.ts";

/** How long tasks may take to answer the abort of their signals when the worker ends. */
const FAREWELL_MS = 500;

/** Where a worker listens for callers of other hosts. */
export interface NetworkOptions {
  /** Address to bind, for example `"127.0.0.1"`, `"::"` or `"0.0.0.0"`. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Host that its record names; absent: the one bound, or for a wildcard this host's own address. */
  readonly advertise?: string | undefined;
}

/** What a worker is made of. */
export interface WorkerHostOptions {
  /** What it presents itself as to its peers. */
  readonly uid: string;
  /** Path at which it creates its Unix socket; its directory exists and belongs to this user alone. */
  readonly socketPath: string;
  readonly tags: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
  /** Transport settings to advertise; what is absent keeps its default. */
  readonly channel: ChannelOptions;
  /** URL of the program's entry module, where there is one; see the one-file rule. */
  readonly entry: string | undefined;
  readonly importTimeoutMs: number | undefined;
  /** Absent: it opens no port. */
  readonly network?: NetworkOptions | undefined;
  /** `file:` URLs of modules to import before it serves; network callers may call what these declare or re-export. */
  readonly modules: readonly string[];
  /** Whether callers on this host may cause the import of further modules. Network callers never can. */
  readonly importOnDemand: boolean;
  /** Discoveries that descriptors from the network may name, its own as a rule. Local ones are believed. */
  readonly discoveries: readonly DiscoveryDescriptor[];
  /** Told of a worker that does not answer after a nested call on it was cancelled. */
  readonly unresponsive: (uid: string, culprit: string) => void;
}

/** A worker that serves. */
export class WorkerHost {
  /** Its own record. */
  readonly metadata: WorkerMetadata;
  readonly #tasks: TaskServer;
  readonly #listener: UnixListener;
  readonly #nested: NestedProxies;
  #stopping: Promise<void> | undefined;

  /**
   * Starts it. Resolves when it serves; when that fails, nothing is left open.
   *
   * @throws What keeps it from listening, or from importing its modules.
   */
  static async start(options: WorkerHostOptions): Promise<WorkerHost> {
    const { uid, socketPath, tags, extra, channel, entry, importTimeoutMs } = options;
    const loader = createModuleLoader({ entry, importTimeoutMs });
    becomeWorker({ uid, entry, onOpen: () => loader.onOpen() });
    const nested = new NestedProxies(options.unresponsive);
    const limits = { ...DEFAULT_LIMITS, maxMessage: channel.maxMessageSize ?? DEFAULT_LIMITS.maxMessage };
    const tasks = new TaskServer({
      hello: { session: 0, version, uid, runtime: "node", codecs: [WIRE_CODEC], features: FEATURES, limits },
      resolver: createRoutineLoader(loader),
      references: processReferences,
      origin: `worker ${process.pid} (${uid})`,
      maxRootCalls: 2 * (channel.maxConcurrentCalls ?? DEFAULT_CHANNEL_OPTIONS.maxConcurrentCalls),
      nestedDispatcher: (descriptor) => nested.dispatcher(descriptor),
      explainError: (definition, error) => explainSuspended(loader, definition, error),
    });
    const listener = await listenUnix(socketPath, { maxBatchBytes: DEFAULT_LIMITS.maxBatch }, (carrier) => {
      tasks.serve(carrier);
    });
    const metadata: WorkerMetadata = {
      uid,
      address: `unix:${socketPath}`,
      pid: process.pid,
      version,
      tags,
      extra,
      secure: true,
      options: channel,
      runtime: "node",
      codecs: [WIRE_CODEC],
      socket: socketPath,
      hostId: hostId(),
    };
    return new WorkerHost(metadata, tasks, listener, nested);
  }

  private constructor(
    metadata: WorkerMetadata,
    tasks: TaskServer,
    listener: UnixListener,
    nested: NestedProxies,
  ) {
    this.metadata = metadata;
    this.#tasks = tasks;
    this.#listener = listener;
    this.#nested = nested;
  }

  /** Takes no more root calls, except those of one connection; those in flight, and what they call, go on. */
  drain(except?: ConnectionId): void {
    this.#tasks.drain(except);
  }

  /** Ends what is running and closes everything. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    // Closing takes until the last connection has gone, which is the server's to end: not awaited here.
    const closing = this.#listener.close();
    this.#tasks.drain();
    this.#tasks.abortAll(new DOMException("The worker is shutting down", "AbortError"));
    await Promise.race([this.#tasks.idle(), new Promise((resolve) => setTimeout(resolve, FAREWELL_MS))]);
    await this.#nested.close();
    this.#tasks.close();
    await closing;
  }
}
