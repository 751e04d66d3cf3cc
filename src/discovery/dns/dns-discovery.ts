/**
 * Discovery through DNS: the addresses of a name are asked to describe themselves. For headless services of
 * Kubernetes, for Consul, and wherever else DNS lists the instances of something.
 *
 * Every process has one watch per name and options, whoever subscribes.
 */
import type { Trust } from "../../credentials/trust.ts";
import { systemClock } from "../../internal/time/clock.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import { createPublisher } from "../create-publisher.ts";
import type {
  Discovery,
  DiscoveryDescriptor,
  DiscoveryEvent,
  Publisher,
  SubscribeOptions,
} from "../discovery.ts";
import { SharedWatch } from "../shared-watch.ts";
import { SharedWatches } from "../shared-watches.ts";
import {
  type DnsDiscoveryOptions,
  type ResolvedDnsDiscovery,
  resolveDnsDiscovery,
} from "./dns-discovery-options.ts";
import type { DnsWatchPorts } from "./watch.ts";

/** Watches in use, by what they look for. */
const watches = new SharedWatches("dns");

/**
 * Finds the network workers behind a DNS name.
 *
 * Every `pollInterval` it asks DNS for the name's A and AAAA records, and every address for its worker's
 * record (`describe`). An address that leaves DNS, or that twice in a row does not answer, is a worker
 * dropped; one that describes another worker than before is one dropped and one added. A name without records
 * means no workers; a DNS server that fails or does not answer leaves the known ones in place. Fleets of more
 * than `pollInterval` / 5 ms workers are described less often, 200 a second.
 *
 * A name that begins with `_` stands for SRV records, each of which brings its own port; priorities and
 * weights are left to the balancer.
 *
 * @example
 * const discovery = new DnsDiscovery("jobs.default.svc.cluster.local", 7777);
 * const pool = new WorkerPool({ discovery, lease: 20 });
 */
export class DnsDiscovery implements Discovery {
  readonly descriptor: DiscoveryDescriptor;
  readonly #sought: ResolvedDnsDiscovery;
  readonly #watch: SharedWatch | undefined;

  /**
   * @param name Complete: search domains are not applied, and `/etc/hosts` is not read.
   * @param port Where the workers listen, from 1 to 65535. For SRV names optional, and then used in place of
   *   the ports of the records.
   * @param options Intervals, servers, family; see {@link DnsDiscoveryOptions}.
   * @param ports Replaces DNS, descriptions and time, and with them the sharing of watches. For tests.
   * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, fault: caller) for the first bad value.
   */
  constructor(name: string, port?: number, options?: DnsDiscoveryOptions, ports?: DnsWatchPorts) {
    const sought = resolveDnsDiscovery(name, port, options);
    this.#sought = sought;
    this.descriptor = Object.freeze({
      kind: "dns",
      parameters: Object.freeze({
        name: sought.name,
        ...(sought.port === undefined ? undefined : { port: sought.port }),
        pollInterval: sought.pollIntervalMs,
        describeTimeout: sought.describeTimeoutMs,
        ...(sought.servers === undefined ? undefined : { servers: sought.servers }),
        ...(options?.family === undefined ? undefined : { family: options.family }),
      }),
    });
    this.#watch =
      ports &&
      new SharedWatch(async (report, signal, requests) => {
        const { DnsWatch } = await import("./watch.ts");
        const watch = new DnsWatch(sought, ports, report);
        requests.recheck = (worker) => watch.recheck(worker);
        await watch.run(signal);
      });
  }

  /**
   * Makes a publisher that accepts everything and announces nothing: whoever runs the DNS zone decides which
   * addresses a name has, not the workers.
   */
  publisher(): Publisher {
    return createPublisher({ announce() {}, retract() {} });
  }

  /** Reports the workers as they are found, then changes. Neither DNS nor a worker can make it fail. */
  subscribe(options?: SubscribeOptions): AsyncIterable<DiscoveryEvent> {
    return {
      [Symbol.asyncIterator]: () =>
        (this.#watch ?? sharedWatch(this.#sought, options?.trust)).subscribe(options)[Symbol.asyncIterator](),
    };
  }

  /** Asks anew at the worker's address, without waiting for the next round. */
  recheck(worker: WorkerMetadata): void {
    if (this.#watch !== undefined) return this.#watch.recheck(worker);
    for (const watch of watches.findAll((key) => key.startsWith(keyOf(this.#sought)))) watch.recheck(worker);
  }
}

/** Callers with other credentials may find other workers. */
function sharedWatch(sought: ResolvedDnsDiscovery, trust: Trust | undefined): SharedWatch {
  return watches.get(`${keyOf(sought)}${trust?.key ?? ""}`, async (report, signal, requests) => {
    const { DnsWatch, ports } = await loadWatch(sought, trust);
    const watch = new DnsWatch(sought, ports, report);
    requests.recheck = (worker) => watch.recheck(worker);
    await watch.run(signal);
  });
}

function keyOf(sought: ResolvedDnsDiscovery): string {
  return JSON.stringify(sought);
}

/** Loaded with the first subscription: a worker can be told of such a discovery without ever using it. */
async function loadWatch(sought: ResolvedDnsDiscovery, trust: Trust | undefined) {
  const [{ DnsWatch }, { createDnsResolver }, { describeWorker }] = await Promise.all([
    import("./watch.ts"),
    import("./lookup.ts"),
    import("../../transport/grpc/unary.ts"),
  ]);
  const ports: DnsWatchPorts = {
    createResolver: () => createDnsResolver(sought.servers),
    describe: (address, options) => describeWorker(address, { ...options, trust }),
    clock: systemClock,
  };
  return { DnsWatch, ports };
}
