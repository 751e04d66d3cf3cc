/** What a worker is started with, whichever program runs it. Types only. */
import type { Trust } from "../credentials/trust.ts";
import type { DiscoveryDescriptor } from "../discovery/discovery.ts";
import type { Resources } from "../internal/amounts.ts";
import type { Spinner } from "../internal/loop-spinner.ts";
import type { NetworkOptions } from "../process/network-options.ts";
import type { WarmValue } from "../state/worker-values.ts";
import type { Printed } from "../transport/output/printed.ts";
import type { ChannelOptions } from "../wire/channel-options.ts";
import type { AccessRule } from "../worker/access/access-rules.ts";
import type { TaskMeter } from "../worker/task-meter.ts";
import type { IdentityMapping } from "./modules/identity-map.ts";
import type { ImportObserver } from "./modules/module-loader.ts";
import type { ReportedWorkers } from "./nested-proxies.ts";

/** Settings of a worker. */
export interface WorkerHostOptions {
  /** The uid under which it presents itself to its peers. */
  readonly uid: string;
  /** Path at which it creates its Unix socket; its directory exists and belongs to this user alone. */
  readonly socketPath: string;
  readonly tags: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
  /** Transport settings to advertise; what is absent keeps its default. */
  readonly channel: ChannelOptions;
  /** What all callers of the network may make it hold, in bytes. Absent: what the environment says, or its memory. */
  readonly maxHeldBytes?: number | undefined;
  /**
   * URL of the program's entry module, if it has one. In workers it runs only up to the line that opens the pool;
   * see `modules/module-loader.ts`.
   */
  readonly entry: string | undefined;
  readonly importTimeoutMs: number | undefined;
  /** Absent: it opens no port. */
  readonly network?: NetworkOptions | undefined;
  /**
   * What it proves who it is with to callers of the network, and to the workers that its tasks call there. Absent: both
   * are in plain text.
   */
  readonly trust?: Trust | undefined;
  /** `file:` URLs of modules to import before it serves; network callers may call what these declare or re-export. */
  readonly modules: readonly string[];
  /** Whether callers on this host may cause the import of further modules. Network callers never can. */
  readonly importOnDemand: boolean;
  /** Who may call which routines over the network. Absent: see `rules`. */
  readonly allow?: readonly AccessRule[] | undefined;
  /** `file:` URL of a module with further rules. With neither, everybody whom its credentials let in may. */
  readonly rules?: string | undefined;
  /** Identities of callers of the network that may tell it to stop. Default: none. */
  readonly stopAllow?: readonly string[] | undefined;
  /** Values that it has before it serves. Default: none. */
  readonly warm?: readonly WarmValue[] | undefined;
  /** `file:` URLs of modules to import before it serves, as far as that succeeds. Default: none. */
  readonly preload?: readonly string[] | undefined;
  /** What it has of what routines can need. Default: nothing. */
  readonly resources?: Resources | undefined;
  /** The longest time for which it grants reservations, in milliseconds. Default: ten minutes. */
  readonly maxReservationMs?: number | undefined;
  /** `file:` URL of the module with its backpressure hook; absent: it takes what its limits allow. */
  readonly accept?: string | undefined;
  /** Directories of a package whose modules callers may name for one another. Default: none. */
  readonly mappings?: readonly IdentityMapping[] | undefined;
  /**
   * Discoveries that descriptors from the network may name; usually the worker's own. Descriptors from this host
   * are always believed.
   */
  readonly discoveries: readonly DiscoveryDescriptor[];
  /**
   * Where workers of its pool are announced that others do not find: calls nested in tasks of that pool reach them as well.
   * Default: nowhere.
   */
  readonly siblings?: DiscoveryDescriptor | undefined;
  /** Descriptor of a pipe on which the parent says that the worker is to end, also while a body blocks the main thread. */
  readonly parentPipe?: number | undefined;
  /** Whether the parent acts on requests to stop, which it reads from the pipe. Default: {@link WorkerHost.stopRequested} resolves. */
  readonly parentStops?: boolean | undefined;
  /** What it prints, for callers on this host that pass it on. Default: nobody does. */
  readonly printed?: Printed | undefined;
  /** How the thread waits awake for the next task. Default: its loop is kept turning. */
  readonly spinner?: Spinner | undefined;
  /** Told of the tasks that begin and end. Default: nobody is. */
  readonly meter?: TaskMeter | undefined;
  /** Told of imports that are under way. Default: nobody is. */
  readonly imports?: ImportObserver | undefined;
  /** Told of a worker that does not answer after a nested call on it was cancelled. Default: nobody is. */
  readonly unresponsive?: ReportedWorkers["unresponsive"] | undefined;
  /** Told of a worker that could not import the module of a routine, for a nested call. Default: nobody is. */
  readonly importFailed?: ReportedWorkers["importFailed"] | undefined;
}
