/** The discovery port: how workers are announced and found. */
import type { WorkerMetadata } from "../wire/worker-metadata.ts";

/** A change among the workers that a discovery knows. */
export interface DiscoveryEvent {
  readonly type: "worker-added" | "worker-updated" | "worker-dropped";
  readonly worker: WorkerMetadata;
}

/** Data from which another process rebuilds a discovery. */
export interface DiscoveryDescriptor {
  /** A registered kind, for example `"local"`. */
  readonly kind: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Announces workers. Closing retracts what it announced. */
export interface Publisher {
  /** Address that workers should bind to be reached through this discovery. */
  readonly bindHost?: string;
  publish(event: DiscoveryEvent): Promise<void>;
  close(): Promise<void>;
}

/** How to narrow and end a subscription. */
export interface SubscribeOptions {
  /** Only workers for which this holds are reported; one that stops passing is reported as dropped, and the reverse. */
  readonly filter?: (worker: WorkerMetadata) => boolean;
  /** Ends the subscription; the iteration then finishes without an error. */
  readonly signal?: AbortSignal;
}

/** Finds workers. A subscription first replays every known worker as `worker-added`. */
export interface Discovery {
  publisher(): Publisher;
  subscribe(options?: SubscribeOptions): AsyncIterable<DiscoveryEvent>;
  /** Absent: the discovery works in its own process only, and nested calls through it are refused. */
  readonly descriptor?: DiscoveryDescriptor;
}
