/**
 * Discovery on the local network by multicast DNS service discovery (RFC 6762, RFC 6763).
 *
 * An announcement is a hint, not a proof: anybody on the network can announce. The connection shows who a worker is.
 * Every process has one watch per namespace and network, whoever subscribes through whichever copy of the package.
 */
import { networkInterfaces } from "node:os";
import { type AnnouncementMedium, createPublisher } from "../create-publisher.ts";
import type {
  Discovery,
  DiscoveryDescriptor,
  DiscoveryEvent,
  Publisher,
  SubscribeOptions,
} from "../discovery.ts";
import { parseNamespace } from "../namespace.ts";
import type { SharedWatch } from "../shared-watch.ts";
import { SharedWatches } from "../shared-watches.ts";
import {
  type LanDiscoveryOptions,
  MDNS_PORT,
  type ResolvedLanDiscoveryOptions,
  resolveLanDiscoveryOptions,
} from "./lan-discovery-options.ts";
import { hasIPv4 } from "./multicast/interface.ts";

/** Watches in use, by namespace and network. */
const watches = new SharedWatches("lan");

/**
 * Finds and announces workers on the local network that use the same namespace.
 *
 * An announcement lives until it is retracted, its publisher is closed, or its lifetime is over without its
 * being repeated: a killed worker disappears within a minute. If a network is not there, or goes away, the
 * discovery waits for it.
 *
 * @example
 * const discovery = new LanDiscovery("thumbs");
 * await using pool = await WorkerPool.open({ size: 2, discovery, lease: 6 });
 */
export class LanDiscovery implements Discovery {
  /** Workers of other namespaces are not seen. */
  readonly namespace: string;
  readonly descriptor: DiscoveryDescriptor;
  readonly #options: ResolvedLanDiscoveryOptions;

  /**
   * @param namespace 1 to 64 letters, digits, `.`, `_` or `-`.
   * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, fault: caller) naming the option at fault.
   */
  constructor(namespace: string, options: LanDiscoveryOptions = {}) {
    this.namespace = parseNamespace(namespace);
    this.#options = resolveLanDiscoveryOptions(options);
    const { port } = this.#options;
    // Interfaces and addresses are this host's own business.
    const parameters = { namespace: this.namespace, ...(port === MDNS_PORT ? undefined : { port }) };
    this.descriptor = Object.freeze({ kind: "lan", parameters: Object.freeze(parameters) });
  }

  /**
   * Makes a publisher whose announcements the network sees. It opens sockets with the first announcement. Its
   * `bindHost` is every address: of IPv4 if this host has any, else of IPv6.
   *
   * Its `publish` rejects with {@link InvalidOptionError} for a worker that listens on a Unix socket only, and for
   * one whose record is too large for a packet. It resolves once the announcement has been sent.
   */
  publisher(): Publisher {
    let announcer: Promise<AnnouncementMedium> | undefined;
    const announcing = (): Promise<AnnouncementMedium> => {
      announcer ??= createAnnouncer(this.namespace, this.#options);
      return announcer;
    };
    return createPublisher(
      {
        announce: async (worker, type) => (await announcing()).announce(worker, type),
        retract: async (worker) => (await announcer)?.retract(worker),
        close: async () => (await announcer)?.close?.(),
      },
      hasIPv4(networkInterfaces()) ? "0.0.0.0" : "::",
    );
  }

  /** Never ends by itself and never fails: it warns of faults on the network. */
  subscribe(options?: SubscribeOptions): AsyncIterable<DiscoveryEvent> {
    return {
      [Symbol.asyncIterator]: () =>
        sharedWatch(this.namespace, this.#options).subscribe(options)[Symbol.asyncIterator](),
    };
  }
}

/** Loaded with the first announcement: a worker can be told of such a discovery without ever using it. */
async function createAnnouncer(
  namespace: string,
  options: ResolvedLanDiscoveryOptions,
): Promise<AnnouncementMedium> {
  const [{ LanAnnouncer }, { LanNetworks }] = await Promise.all([
    import("./announcer.ts"),
    import("./multicast/networks.ts"),
  ]);
  const { interfaces, port } = options;
  return new LanAnnouncer(
    { ...options, namespace },
    (listener) => new LanNetworks({ interfaces, port }, listener),
  );
}

function sharedWatch(namespace: string, { interfaces, port }: ResolvedLanDiscoveryOptions): SharedWatch {
  return watches.get(JSON.stringify([namespace, port, interfaces]), async (report, signal) => {
    const [{ LanWatch }, { LanNetworks }] = await Promise.all([
      import("./watch.ts"),
      import("./multicast/networks.ts"),
    ]);
    const watch = new LanWatch({ namespace }, report, (listener) => {
      return new LanNetworks({ interfaces, port }, listener);
    });
    await watch.run(signal);
  });
}
