/**
 * A fixed list of workers as a discovery: records, which are taken as they are, and addresses, whose workers are asked
 * who they are.
 */
import type { Trust } from "../credentials/trust.ts";
import { assertBoolean, assertKnownOptions } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { type Clock, systemClock } from "../internal/time/clock.ts";
import { parseGrpcAddress } from "../transport/grpc/address.ts";
import { type ParseWorkerMetadataOptions, parseWorkerMetadata } from "../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { AddressWatch, DescribeOptions } from "./addresses/watch.ts";
import { createPublisher } from "./create-publisher.ts";
import type {
  Discovery,
  DiscoveryDescriptor,
  DiscoveryEvent,
  Publisher,
  SubscribeOptions,
} from "./discovery.ts";
import { SharedWatch } from "./shared-watch.ts";

const MAX_WORKERS = 10_000;
const ADDRESS = "an address such as 'host:port', '[v6]:port' or, of this host, 'unix:/path'";
/** Time between two questions to a worker at a fixed address; one that cannot be reached is asked at once. */
const INTERVAL_MS = 5_000;
const DESCRIBE_TIMEOUT_MS = 2_000;
/** Waits between questions to an address at which nobody is. */
const RETRY = { baseMs: 250, factor: 1.6, maxMs: 5_000, jitter: 0.2 };

/** The system's functions that a list with addresses uses; replaced in tests. */
export interface StaticDiscoveryPorts {
  /** Asks the worker at an address for its record, as plain data. Settles within the time given. */
  readonly describe: (address: string, options: DescribeOptions) => Promise<unknown>;
  readonly clock: Clock;
}

/** The records and addresses of a list. */
interface StaticList {
  readonly records: readonly WorkerMetadata[];
  readonly addresses: readonly string[];
}

/**
 * Knows the workers it is given and no others.
 *
 * A record stands for one worker, and is useless once that has ended. An address stands for whichever worker is
 * there: it is asked for its record, again every 5 s and whenever it cannot be reached, and is called at the
 * address given, even if it names another one. So a worker that is restarted at its address is found again.
 *
 * A subscription stays open until its signal fires. Its publisher accepts everything and announces nothing.
 *
 * @example
 * await using farm = await WorkerPool.open({ size: 2, ambient: false });
 * await using pool = await WorkerPool.open({ discovery: new StaticDiscovery(farm.workers) });
 */
export class StaticDiscovery implements Discovery {
  readonly descriptor: DiscoveryDescriptor;
  readonly #list: StaticList;
  readonly #ports: StaticDiscoveryPorts | undefined;
  /** By the credentials with which workers are asked: callers with others may find others. */
  readonly #watches = new Map<string, SharedWatch>();

  /**
   * @param workers Complete records, each uid once, and addresses, each once: `host:port`, `[v6]:port` or, on this
   *   host, `unix:/path`. At most 10 000 together.
   * @param options `unix`: whether `unix:` addresses are believed, default true.
   * @param ports Replaces descriptions and time. For tests.
   * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, fault: caller) naming the entry or option at fault.
   */
  constructor(
    workers: readonly (WorkerMetadata | string)[],
    options: Partial<ParseWorkerMetadataOptions> = {},
    ports?: StaticDiscoveryPorts,
  ) {
    assertKnownOptions(options, { unix: true });
    const { unix = true } = options;
    assertBoolean("unix", unix);
    const list = parseList(workers, { unix });
    this.descriptor = Object.freeze({
      kind: "static",
      parameters: Object.freeze({ workers: Object.freeze([...list.records, ...list.addresses]) }),
    });
    this.#list = list;
    this.#ports = ports;
  }

  /** Makes a publisher that accepts everything and announces nothing: the list is fixed. */
  publisher(): Publisher {
    return createPublisher({ announce() {}, retract() {} });
  }

  /** Reports every record as `worker-added`, then the workers found at the addresses, and changes among these. */
  subscribe(options?: SubscribeOptions): AsyncIterable<DiscoveryEvent> {
    return this.#watch(options?.trust).subscribe(options);
  }

  /** Asks anew at the worker's address, if that is one of the list, without waiting for the next round. */
  recheck(worker: WorkerMetadata): void {
    for (const watch of this.#watches.values()) watch.recheck(worker);
  }

  #watch(trust: Trust | undefined): SharedWatch {
    const list = this.#list;
    // Records are taken as they are, whoever asks.
    const key = list.addresses.length === 0 ? "" : (trust?.key ?? "");
    let watch = this.#watches.get(key);
    if (watch === undefined) {
      watch = new SharedWatch(async (report, signal, requests) => {
        if (list.addresses.length === 0) {
          for (const worker of list.records) report({ type: "worker-added", worker });
          return;
        }
        const addresses = await createWatch(list, report, { trust, ports: this.#ports });
        requests.recheck = (worker) => addresses.recheck(worker);
        await addresses.run(signal);
      });
      this.#watches.set(key, watch);
    }
    return watch;
  }
}

/** Loaded with the first subscription: a worker can be told of such a discovery without ever using it. */
async function createWatch(
  { records, addresses }: StaticList,
  report: (event: DiscoveryEvent) => void,
  means: { readonly trust: Trust | undefined; readonly ports: StaticDiscoveryPorts | undefined },
): Promise<AddressWatch> {
  const [{ AddressWatch }, { AddressWarnings }, { describeAddress, parseDescription }, { describeWorker }] =
    await Promise.all([
      import("./addresses/watch.ts"),
      import("./addresses/warnings.ts"),
      import("./addresses/description.ts"),
      import("../transport/grpc/unary.ts"),
    ]);
  const { trust, ports } = means;
  const { describe, clock }: StaticDiscoveryPorts = ports ?? {
    describe: (address, options) => describeWorker(address, { ...options, trust }),
    clock: systemClock,
  };
  const warnings = new AddressWarnings();
  const watch = new AddressWatch({
    describe: async (address, options) =>
      parseDescription(await describe(describeAddress(address), options), address),
    clock,
    intervalMs: INTERVAL_MS,
    describeTimeoutMs: DESCRIBE_TIMEOUT_MS,
    retry: RETRY,
    report,
    settled: (address) => warnings.settled(address),
    unserved: (...failure) => warnings.unserved(...failure),
  });
  for (const worker of records) watch.settle(worker);
  watch.follow(addresses);
  return watch;
}

function parseList(
  workers: readonly (WorkerMetadata | string)[],
  options: ParseWorkerMetadataOptions,
): StaticList {
  if (!Array.isArray(workers) || workers.length > MAX_WORKERS) {
    throw new InvalidOptionError("workers", {
      value: workers,
      expected: `an array of at most ${MAX_WORKERS} worker records and addresses`,
    });
  }
  const records = new Map<string, WorkerMetadata>();
  const addresses = new Set<string>();
  for (const [index, value] of workers.entries()) {
    const refused = (expected: string) => new InvalidOptionError(`workers[${index}]`, { value, expected });
    if (typeof value === "string") {
      if (!isAddress(value, options)) throw refused(`${ADDRESS}, or a complete worker record`);
      if (addresses.has(value)) throw refused("an address that is not in the list already");
      addresses.add(value);
    } else {
      const worker = parseWorkerMetadata(value, options);
      if (worker === undefined) throw refused(`a complete worker record, or ${ADDRESS}`);
      if (records.has(worker.uid)) throw refused("a uid that no other record has");
      records.set(worker.uid, worker);
    }
  }
  return { records: Object.freeze([...records.values()]), addresses: Object.freeze([...addresses]) };
}

function isAddress(value: string, { unix }: ParseWorkerMetadataOptions): boolean {
  try {
    return !parseGrpcAddress(value).local || unix;
  } catch {
    return false;
  }
}
