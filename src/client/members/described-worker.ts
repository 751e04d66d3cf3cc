/**
 * A discovery of the one worker at an address: asks it for its record until it answers. It lives within one
 * connection, so it has no descriptor; nested calls need the worker's record instead of its address.
 */
import { createPublisher } from "../../discovery/create-publisher.ts";
import type { Discovery, DiscoveryEvent, Publisher, SubscribeOptions } from "../../discovery/discovery.ts";
import { asError } from "../../internal/error-text.ts";
import { type BackoffPolicy, backoffDelayMs } from "../../internal/time/backoff.ts";
import { pause } from "../../internal/time/wait.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";

/** Quick at first: as a rule the worker is there, or about to be. */
const RETRY: BackoffPolicy = { baseMs: 50, factor: 1.6, maxMs: 2_000, jitter: 0.2 };

/** One worker, known by its address. */
export class DescribedWorker implements Discovery {
  /** Why the last attempt brought no record. */
  lastError: Error | undefined;
  readonly #describe: (signal: AbortSignal | undefined) => Promise<WorkerMetadata>;

  /** @param describe Asks the worker for its record. */
  constructor(describe: (signal: AbortSignal | undefined) => Promise<WorkerMetadata>) {
    this.#describe = describe;
  }

  publisher(): Publisher {
    return createPublisher({ announce() {}, retract() {} });
  }

  async *subscribe(options: SubscribeOptions = {}): AsyncGenerator<DiscoveryEvent, void, undefined> {
    const { signal } = options;
    for (let attempt = 1; signal?.aborted !== true; attempt++) {
      let worker: WorkerMetadata | undefined;
      try {
        worker = await this.#describe(signal);
      } catch (error) {
        this.lastError = asError(error);
      }
      if (worker !== undefined) {
        yield { type: "worker-added", worker };
        await aborted(signal);
        return;
      }
      await pause(backoffDelayMs(attempt, RETRY), signal);
    }
  }
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    else signal?.addEventListener("abort", () => resolve(), { once: true });
  });
}
