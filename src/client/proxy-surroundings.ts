/** What a proxy is told by whoever makes it for others: a pool, or a worker for the calls of its tasks. Types only. */
import type { Trust } from "../credentials/trust.ts";
import type { Discovery } from "../discovery/discovery.ts";
import type { Carrier } from "../session/carrier.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { TaskEventSink } from "./dispatch/call-reporter.ts";
import type { BuildRule } from "./membership/build-rule.ts";
import type { ProxyDescriptor } from "./proxy-descriptor.ts";
import type { SupplySurroundings } from "./worker-supply.ts";

/** Settings that a pool adds to the proxy it makes. */
export interface ProxySurroundings extends SupplySurroundings {
  /** Identity that travels with tasks; default: a fresh one. */
  readonly id?: string;
  /** How many places of the lease are kept for workers the pool starts. */
  readonly reserved?: number;
  /** For how long the first call waits for first attempts to connect that are under way. Default 0. */
  readonly firstAttemptsMs?: number;
  /** The discovery with which nested calls find the workers, if it is not the proxy's own. */
  readonly descriptorDiscovery?: ProxyDescriptor["discovery"];
  /** Which builds it takes, if it was restored from a descriptor. */
  readonly build?: BuildRule | undefined;
  /** Credentials, if the options cannot name them. */
  readonly trust?: Trust | undefined;
  /** Whether it was restored from a descriptor that has come over a network. Default false. */
  readonly tainted?: boolean;
  /** Connects to its workers, if they are not reached as others are. */
  readonly connect?: ((worker: WorkerMetadata) => Promise<Carrier> | undefined) | undefined;
  /** Whether some of them may be in threads of this process. Default false. */
  readonly hasThreads?: boolean;
  readonly memberReady?: (worker: WorkerMetadata) => void;
  /** Told of each call. */
  readonly taskEvents?: TaskEventSink;
  /** Told when there is a call and was none. */
  readonly callsBegun?: (() => void) | undefined;
  /** Told of the discovery that a function has made, while the proxy is being opened. */
  readonly discoveryMade?: (discovery: Discovery) => void;
}
