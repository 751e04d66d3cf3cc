/**
 * Where a worker takes connections: on a Unix socket for callers on its host and, if it is asked to, on the
 * network. It hands the connections over, and knows the address at which the worker can be reached.
 */
import type { TrustData, TrustMaterial } from "../../credentials/trust.ts";
import { forgetAtExit, removeAtExit } from "../../internal/remove-at-exit.ts";
import { type NetworkOptions, parseEndpoint } from "../../process/network-options.ts";
import type { Carrier } from "../../session/carrier.ts";
import { DEFAULT_LIMITS } from "../../session/limits.ts";
import type { Printed } from "../../transport/output/printed.ts";
import { listenUnix, type UnixListener } from "../../transport/unix/listen.ts";
import { controlSocketPath } from "../../transport/unix/socket-path.ts";
import type { ChannelOptions } from "../../wire/channel-options.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import { advertisedAddress, advertisedEndpoint } from "./advertised-address.ts";
import { NetworkListener } from "./network-listener.ts";

/** How long connections of other hosts may take to receive data already written before they are cut off. */
const NETWORK_FAREWELL_MS = 2_000;

/** Which listeners to open, and for whom. */
export interface WorkerListenersOptions {
  /** Path of the Unix socket; its directory exists and belongs to this user alone. */
  readonly socketPath: string;
  /** What this process prints, for callers that pass it on. */
  readonly printed?: Printed | undefined;
  /** Absent: no port is opened. */
  readonly network: NetworkOptions | undefined;
  /** For callers of the network. Absent: they connect in plain text. */
  readonly trust: TrustData | undefined;
  /** The worker's transport settings; what is absent keeps its default. */
  readonly channel: ChannelOptions;
  /** What all callers of the network may make it hold, in bytes. */
  readonly maxHeldBytes?: number | undefined;
  /** The memory in which both threads count what callers make them hold; see `session/memory/thread-share.ts`. */
  readonly heldShare: SharedArrayBuffer;
  /** The memory of the worker's activity; see `worker/activity.ts`. */
  readonly activity: SharedArrayBuffer;
  /** The pipe to the worker's parent, and whether that acts on requests to stop; see `messages.ts`. */
  readonly parentPipe: number | undefined;
  readonly parentStops: boolean;
  /** Patterns of the identities of callers that may tell the worker to stop over the network. */
  readonly stopAllow: readonly string[];
  /** Takes a new connection. */
  readonly serve: (carrier: Carrier) => void;
  /** What a caller might call, as bytes. */
  readonly access: (request: Uint8Array) => Uint8Array;
  /** The worker has been told to stop over its control socket: `graceMs` for calls in flight, `Infinity` for no limit. */
  readonly stop: (graceMs: number) => void;
}

/** The listeners of one worker. */
export class WorkerListeners {
  /** The address in the worker's record. */
  readonly address: string;
  /**
   * Whether connections are authenticated: over the network by credentials, otherwise since nobody but this user reaches
   * the socket.
   */
  readonly secure: boolean;
  readonly #unix: UnixListener;
  readonly #network: OpenNetwork | undefined;
  #unixClosing: Promise<void> | undefined;

  /**
   * Opens them. When that fails, nothing is left open.
   *
   * @throws The system's error; {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION) for an address that
   *   cannot be bound.
   */
  static async open(options: WorkerListenersOptions): Promise<WorkerListeners> {
    const { socketPath, printed, serve } = options;
    const network = await openNetwork(options);
    try {
      const unix = await listenUnix(socketPath, { maxBatchBytes: DEFAULT_LIMITS.maxBatch, printed }, serve);
      const secure = network === undefined || options.trust !== undefined;
      return new WorkerListeners(socketPath, { unix, network, secure });
    } catch (error) {
      await network?.close(0);
      throw error;
    }
  }

  private constructor(
    socketPath: string,
    open: {
      readonly unix: UnixListener;
      readonly network: OpenNetwork | undefined;
      readonly secure: boolean;
    },
  ) {
    const { unix, network, secure } = open;
    this.address = network === undefined ? `unix:${socketPath}` : network.address;
    this.secure = secure;
    this.#unix = unix;
    this.#network = network;
  }

  /** Sets the record that callers on the network get when they ask for it. */
  announce(worker: WorkerMetadata): void {
    this.#network?.listener.announce(worker);
  }

  /** Tells whoever watches the worker's health that it takes no more calls. */
  leave(): void {
    this.#network?.listener.leave();
  }

  /** Uses other keys for new connections of the network. */
  renew(material: TrustMaterial): void {
    this.#network?.listener.renew(material);
  }

  /** Takes no more connections on the Unix socket; those of the network are taken, and refused, until {@link close}. */
  closeUnix(): void {
    this.#unixClosing ??= this.#unix.close();
  }

  /** Takes no more connections, and resolves when the existing ones have ended; whoever serves them ends them. */
  async close(): Promise<void> {
    this.closeUnix();
    await Promise.all([this.#unixClosing, this.#network?.close(NETWORK_FAREWELL_MS)]);
  }
}

interface OpenNetwork {
  readonly listener: NetworkListener;
  readonly address: string;
  close(graceMs: number): Promise<void>;
}

async function openNetwork(options: WorkerListenersOptions): Promise<OpenNetwork | undefined> {
  const {
    network,
    socketPath,
    trust,
    channel,
    maxHeldBytes,
    heldShare,
    activity,
    parentPipe,
    parentStops,
    stopAllow,
    serve,
    access,
    stop,
  } = options;
  if (network === undefined) return undefined;
  const advertised = advertisedEndpoint(network); // before anything is opened
  const controlPath = controlSocketPath(socketPath);
  removeAtExit(controlPath);
  try {
    const listener = await NetworkListener.start({
      host: network.host,
      port: network.port,
      health: healthOf(network),
      controlPath,
      channel,
      maxBatchBytes: DEFAULT_LIMITS.maxBatch,
      maxHeldBytes,
      heldShare,
      trust,
      activity,
      parentPipe,
      parentStops,
      stopAllow,
      serve,
      access,
      stop,
    });
    return {
      listener,
      address: advertisedAddress({ host: listener.host, port: listener.port }, advertised),
      async close(graceMs) {
        await listener.close(graceMs);
        forgetAtExit(controlPath);
      },
    };
  } catch (error) {
    forgetAtExit(controlPath);
    throw error;
  }
}

function healthOf({ health }: NetworkOptions): { readonly host: string; readonly port: number } | undefined {
  const { host, port } = parseEndpoint(health) ?? {}; // which has been resolved
  return host === undefined || port === undefined ? undefined : { host, port };
}
