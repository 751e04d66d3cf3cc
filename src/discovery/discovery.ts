/** The discovery port: how workers are announced and found. */
import type { Trust } from "../credentials/trust.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";

/** A change among the workers that a discovery knows. */
export interface DiscoveryEvent {
  /** What happened to the worker. */
  readonly type: "worker-added" | "worker-updated" | "worker-dropped";
  /** The worker's record; of a dropped worker, the last one known. */
  readonly worker: WorkerMetadata;
}

/** Data from which another process rebuilds a discovery. */
export interface DiscoveryDescriptor {
  /** A registered kind, for example `"local"`. */
  readonly kind: string;
  /** Parameters from which the discovery is rebuilt; plain data. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Announces workers. Closing retracts what it announced. */
export interface Publisher {
  /** Address that workers should bind to be reached through this discovery. */
  readonly bindHost?: string;
  /** Announces, refreshes or retracts a worker. Resolves when that is done, not when subscribers have read it. */
  publish(event: DiscoveryEvent): Promise<void>;
  /** Retracts everything announced here. Idempotent. */
  close(): Promise<void>;
}

/** How to narrow and end a subscription. */
export interface SubscribeOptions {
  /**
   * Only workers for which this returns true are reported. A worker that stops passing is reported as dropped, one
   * that starts passing as added.
   */
  readonly filter?: (worker: WorkerMetadata) => boolean;
  /** Ends the subscription; the iteration then finishes without an error. */
  readonly signal?: AbortSignal;
  /**
   * The credentials of the pool that subscribes, for a discovery that asks workers who they are. One that wraps another
   * passes them on.
   */
  readonly trust?: Trust | undefined;
}

/** Finds workers. A subscription first replays every known worker as `worker-added`. */
export interface Discovery {
  /** Makes a publisher of its own for whoever announces workers, usually a pool. */
  publisher(): Publisher;
  /** Reports the workers there are, then changes, until the signal fires or the iteration is ended. */
  subscribe(options?: SubscribeOptions): AsyncIterable<DiscoveryEvent>;
  /**
   * Told that a worker which was reported cannot be reached, or that another one is there by now: the discovery
   * may then look again early. Absent: the discovery notices such changes by itself.
   */
  recheck?(worker: WorkerMetadata): void;
  /** Absent: the discovery works in its own process only, and nested calls through it are refused. */
  readonly descriptor?: DiscoveryDescriptor;
}

/** Makes a discovery for a pool or proxy that is opened; it is closed with that, if it has a way to be closed. */
export type DiscoveryFactory = () => Discovery | PromiseLike<Discovery>;
