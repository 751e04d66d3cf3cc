/** Discovery within one process: for tests, and for programs whose workers are all announced by themselves. */

import { createPublisher } from "../../src/discovery/create-publisher.ts";
import type {
  Discovery,
  DiscoveryEvent,
  Publisher,
  SubscribeOptions,
} from "../../src/discovery/discovery.ts";
import { SharedWatch } from "../../src/discovery/shared-watch.ts";
import type { WorkerMetadata } from "../../src/wire/worker-metadata.ts";

/**
 * Connects the publishers and subscriptions of this one object. It has no descriptor: nested calls through it
 * are refused.
 *
 * @example
 * const discovery = new MemoryDiscovery();
 * await discovery.publisher().publish({ type: "worker-added", worker });
 * for await (const event of discovery.subscribe({ signal })) console.log(event.type); // worker-added
 */
export class MemoryDiscovery implements Discovery {
  readonly #known = new Map<string, WorkerMetadata>();
  #report: ((event: DiscoveryEvent) => void) | undefined;
  readonly #watch = new SharedWatch(async (report, signal) => {
    this.#report = report;
    for (const worker of this.#known.values()) report({ type: "worker-added", worker });
    await fired(signal);
    if (this.#report === report) this.#report = undefined;
  });

  publisher(): Publisher {
    return createPublisher({
      announce: (worker) => {
        const type = this.#known.has(worker.uid) ? "worker-updated" : "worker-added";
        this.#known.set(worker.uid, worker);
        this.#report?.({ type, worker });
      },
      retract: ({ uid }) => {
        const worker = this.#known.get(uid);
        if (worker === undefined) return;
        this.#known.delete(uid);
        this.#report?.({ type: "worker-dropped", worker });
      },
    });
  }

  subscribe(options?: SubscribeOptions): AsyncIterable<DiscoveryEvent> {
    return this.#watch.subscribe(options);
  }
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
