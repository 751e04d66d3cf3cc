/**
 * The settings that a parent passes to a worker process. They travel as one environment variable, which costs
 * no round trip. The worker takes the variable out of its environment before any code of the user runs, so that
 * processes that a routine starts do not inherit it.
 */
import type { DiscoveryDescriptor } from "../../discovery/discovery.ts";
import type { Resources } from "../../internal/amounts.ts";
import type { WarmValue } from "../../state/worker-values.ts";
import type { ChannelOptions } from "../../wire/channel-options.ts";
import type { NetworkOptions } from "../network-options.ts";
import type { WantedReports } from "../worker.ts";

/** Everything a process needs to know to serve as a worker of its parent's pool. Data only. */
export interface WorkerInit {
  /** The worker's uid, which it must present to its peers. */
  readonly uid: string;
  /** Path at which it creates its Unix socket; its directory exists and belongs to this user alone. */
  readonly socketPath: string;
  readonly tags: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
  /**
   * URL of the parent's entry module, if it has one. In workers it runs only up to the line that opens the pool;
   * see `host/modules/module-loader.ts`.
   */
  readonly entry?: string | undefined;
  /** The parent's current directory, to which the worker changes once it is loaded; absent when it has been removed. */
  readonly cwd?: string | undefined;
  /** How long importing a routine's module may take at most, in milliseconds; null for no limit. */
  readonly importTimeoutMs: number | null;
  /** Transport settings to advertise; what is absent keeps its default. */
  readonly options: ChannelOptions;
  /** What all callers of the network may make it hold, in bytes. */
  readonly maxHeldBytes?: number | undefined;
  /** Whether its credentials come over the channel, before it may do anything. */
  readonly trusted?: boolean | undefined;
  /** Absent: it opens no port. */
  readonly network?: NetworkOptions | undefined;
  /** `file:` URLs of modules that it imports before it serves. */
  readonly modules: readonly string[];
  /** `file:` URLs of modules that it imports before it serves, if they can be imported. */
  readonly preload?: readonly string[] | undefined;
  /** Values that it has before it serves. */
  readonly warm?: readonly WarmValue[] | undefined;
  /** What it has of what routines can need. */
  readonly resources?: Resources | undefined;
  /** The longest time for which it grants reservations, in milliseconds. Absent: its own default. */
  readonly maxReservationMs?: number | undefined;
  /** Who may call which routines over the network; see `AccessRule`. */
  readonly allow?: readonly { readonly routine: string; readonly allow: readonly string[] }[] | undefined;
  /** `file:` URL of a module with further rules. */
  readonly rules?: string | undefined;
  /** Identities of callers that may stop it over the network. */
  readonly stopAllow?: readonly string[] | undefined;
  /** `file:` URL of the module with its backpressure hook. */
  readonly accept?: string | undefined;
  /** Discoveries that callers over the network may name for calls nested in their tasks: those it is announced in. */
  readonly discoveries?: readonly DiscoveryDescriptor[] | undefined;
  /** Where workers of its pool are announced that others do not find. */
  readonly siblings?: DiscoveryDescriptor | undefined;
  /** What its parent wants to be told of it. */
  readonly reports?: WantedReports | undefined;
  /** Of a worker that belongs to no program, and whose parent is the command. Absent: a pool's. */
  readonly service?: ServiceInit | undefined;
}

/** What a worker of the command is told beyond that. */
export interface ServiceInit {
  /** Directories of a package whose modules callers may name for one another. */
  readonly mappings: readonly { readonly from: string; readonly to: string }[];
  /** Milliseconds without a call after which it asks to be ended; absent: never. */
  readonly idleTimeoutMs?: number | undefined;
}

/**
 * The descriptor of the pipe between the parent of a worker on the network and its listener thread, for what must not
 * wait for the main thread, which has the channel and may be blocked. The parent writes there that the worker is to end;
 * a worker of the command writes messages, as lines of JSON. Descriptors before it are the standard streams and the channel.
 */
export const PARENT_PIPE = 4;

/** Name of the environment variable that carries a {@link WorkerInit} to a child process. */
export const WORKER_INIT_VARIABLE = "MERINO_WORKER_INIT";

/** Writes a {@link WorkerInit} as the value of {@link WORKER_INIT_VARIABLE}. */
export function formatWorkerInit(init: WorkerInit): string {
  return JSON.stringify(init);
}

/**
 * Takes the {@link WorkerInit} out of an environment and deletes the variable.
 *
 * @param env Usually `process.env`; it is changed.
 * @throws Error if this process was not started by a Merino parent.
 */
export function takeWorkerInit(env: NodeJS.ProcessEnv): WorkerInit {
  const text = env[WORKER_INIT_VARIABLE];
  delete env[WORKER_INIT_VARIABLE];
  if (text === undefined) {
    throw new Error(
      `${WORKER_INIT_VARIABLE} is not set. Worker processes are started by a pool, never by hand`,
    );
  }
  // Written by formatWorkerInit of the parent, which runs this very package.
  return JSON.parse(text) as WorkerInit;
}
