/** A fixed list of workers as a discovery. */
import { assertBoolean, assertKnownOptions } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { type ParseWorkerMetadataOptions, parseWorkerMetadata } from "../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
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

/**
 * Knows the workers it is given and no others.
 *
 * A subscription replays them and then stays open, without events, until its signal fires. Its publisher
 * accepts everything and announces nothing.
 *
 * @example
 * await using farm = await WorkerPool.open({ size: 2, ambient: false });
 * await using pool = await WorkerPool.open({ discovery: new StaticDiscovery(farm.workers) });
 */
export class StaticDiscovery implements Discovery {
  readonly descriptor: DiscoveryDescriptor;
  readonly #watch: SharedWatch;

  /**
   * @param workers Complete records; at most 10 000, each uid once.
   * @param options `unix`: whether `unix:` addresses are believed, default true.
   * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, fault: caller) naming the record or option at fault.
   */
  constructor(workers: readonly WorkerMetadata[], options: Partial<ParseWorkerMetadataOptions> = {}) {
    assertKnownOptions(options, { unix: true });
    const { unix = true } = options;
    assertBoolean("unix", unix);
    const records = parseWorkers(workers, { unix });
    this.descriptor = Object.freeze({ kind: "static", parameters: Object.freeze({ workers: records }) });
    this.#watch = new SharedWatch(async (report) => {
      for (const worker of records) report({ type: "worker-added", worker });
    });
  }

  /** Makes a publisher that accepts everything and announces nothing: the list is fixed. */
  publisher(): Publisher {
    return createPublisher({ announce() {}, retract() {} });
  }

  /** Reports every record as `worker-added`, then nothing more until the signal ends the iteration. */
  subscribe(options?: SubscribeOptions): AsyncIterable<DiscoveryEvent> {
    return this.#watch.subscribe(options);
  }
}

function parseWorkers(
  workers: readonly WorkerMetadata[],
  options: ParseWorkerMetadataOptions,
): readonly WorkerMetadata[] {
  if (!Array.isArray(workers) || workers.length > MAX_WORKERS) {
    throw new InvalidOptionError("workers", {
      value: workers,
      expected: `an array of at most ${MAX_WORKERS} worker records`,
    });
  }
  const records = new Map<string, WorkerMetadata>();
  for (const [index, value] of workers.entries()) {
    const worker = parseWorkerMetadata(value, options);
    if (worker === undefined || records.has(worker.uid)) {
      throw new InvalidOptionError(`workers[${index}]`, {
        value,
        expected: worker === undefined ? "a complete worker record" : "a uid that no other record has",
      });
    }
    records.set(worker.uid, worker);
  }
  return Object.freeze([...records.values()]);
}
