/**
 * Two sources of workers as one, for a worker that finds its caller's pool and the workers beside it that others do not
 * find. It publishes nothing, and cannot be named to others.
 */
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { createPublisher } from "./create-publisher.ts";
import type { Discovery, DiscoveryEvent, Publisher, SubscribeOptions } from "./discovery.ts";

/** Finds what either finds. Each worker is to be announced in one of them. */
export class JointDiscovery implements Discovery {
  readonly #sources: readonly Discovery[];

  constructor(sources: readonly Discovery[]) {
    this.#sources = sources;
  }

  publisher(): Publisher {
    return createPublisher({ announce() {}, retract() {} });
  }

  async *subscribe(options: SubscribeOptions = {}): AsyncGenerator<DiscoveryEvent, void, void> {
    const end = new AbortController();
    const signal = options.signal === undefined ? end.signal : AbortSignal.any([options.signal, end.signal]);
    const events = this.#sources.map((source) =>
      source.subscribe({ ...options, signal })[Symbol.asyncIterator](),
    );
    const steps = new Map(events.map((one) => [one, stepOf(one)]));
    try {
      while (steps.size > 0) {
        const { from, step } = await Promise.race(steps.values());
        if (step.done === true) steps.delete(from);
        else {
          steps.set(from, stepOf(from));
          yield step.value;
        }
      }
    } finally {
      // Ends the steps under way, without which the iterations could not be left.
      end.abort();
      await Promise.allSettled([...steps.values(), ...events.map((one) => one.return?.())]);
    }
  }

  recheck(worker: WorkerMetadata): void {
    for (const source of this.#sources) source.recheck?.(worker);
  }
}

type Events = AsyncIterator<DiscoveryEvent>;

async function stepOf(from: Events): Promise<{
  readonly from: Events;
  readonly step: IteratorResult<DiscoveryEvent>;
}> {
  return { from, step: await from.next() };
}
