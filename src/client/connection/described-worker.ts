/**
 * A discovery of the one worker at an address. Asks the worker for its record until it answers, then every 5 s, and at
 * once when a connection to it fails, since another worker may have taken the address. It belongs to one
 * `WorkerConnection` and has no descriptor; nested calls carry the worker's record instead.
 */
import type { AddressWatch, DescribeOptions } from "../../discovery/addresses/watch.ts";
import { createPublisher } from "../../discovery/create-publisher.ts";
import type { Discovery, DiscoveryEvent, Publisher, SubscribeOptions } from "../../discovery/discovery.ts";
import { SharedWatch } from "../../discovery/shared-watch.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { asError } from "../../internal/error-text.ts";
import type { BackoffPolicy } from "../../internal/time/backoff.ts";
import { systemClock } from "../../internal/time/clock.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";

/** Quick at first: as a rule the worker is there, or about to be. */
const RETRY: BackoffPolicy = { baseMs: 50, factor: 1.6, maxMs: 2_000, jitter: 0.2 };
/** Between two questions to a worker that answers; one that cannot be reached is asked at once. */
const INTERVAL_MS = 5_000;
const MAX_DESCRIBE_MS = 5_000;

/** One worker, known by its address. */
export class DescribedWorker implements Discovery {
  /** Why the last attempt brought no record. */
  lastError: Error | undefined;
  readonly #watch: SharedWatch;
  #addresses: AddressWatch | undefined;

  /**
   * @param address Under which the worker is reported, and called.
   * @param describe Asks the worker for its record.
   */
  constructor(address: string, describe: (options: DescribeOptions) => Promise<WorkerMetadata>) {
    this.#watch = new SharedWatch(async (report, signal) => {
      const [{ AddressWatch }, { parseDescription }] = await Promise.all([
        import("../../discovery/addresses/watch.ts"),
        import("../../discovery/addresses/description.ts"),
      ]);
      this.#addresses = new AddressWatch({
        describe: async (_, options) => parseDescription(await describe(options), address),
        clock: systemClock,
        intervalMs: INTERVAL_MS,
        describeTimeoutMs: MAX_DESCRIBE_MS,
        retry: RETRY,
        report,
        settled: () => {
          this.lastError = undefined;
        },
        unserved: (_address, _failures, error) => {
          this.lastError =
            error === undefined
              ? new ProtocolError(`What answers at '${address}' is no worker`)
              : asError(error);
        },
      });
      this.#addresses.follow([address]);
      await this.#addresses.run(signal);
    });
  }

  publisher(): Publisher {
    return createPublisher({ announce() {}, retract() {} });
  }

  subscribe(options?: SubscribeOptions): AsyncIterable<DiscoveryEvent> {
    return this.#watch.subscribe(options);
  }

  recheck(worker: WorkerMetadata): void {
    this.#addresses?.recheck(worker);
  }

  /** A call wants the worker. If no record is known, asks now instead of at the next retry. */
  wanted(): void {
    if (this.#addresses?.inhabited === false) this.#addresses.recheckEmpty();
  }
}
