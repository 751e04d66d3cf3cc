/**
 * A discovery of one's own: workers are announced in Redis. Everything that Merino asks of a discovery is an
 * object with `publisher()` and `subscribe()`; the rest of this folder is about Redis.
 */
import type { Discovery, DiscoveryEvent, Publisher, SubscribeOptions, WorkerMetadata } from "merino";
import { RedisPublisher } from "./redis-publisher.ts";
import {
  type RedisDiscoveryOptions,
  type RedisDiscoverySettings,
  resolveRedisDiscoveryOptions,
} from "./redis-settings.ts";
import { type Change, RedisWatch } from "./redis-watch.ts";

/**
 * Announces and finds workers through a Redis server.
 *
 * It has no `descriptor`, since no other process could rebuild it from data: routines that call routines
 * need a discovery that Merino knows, or a pool of their own workers.
 *
 * @example
 * const discovery = new RedisDiscovery({ url: "redis://127.0.0.1:6379", namespace: "thumbs" });
 * await using pool = await WorkerPool.open({ discovery, lease: 4 });
 */
export class RedisDiscovery implements Discovery {
  readonly #settings: RedisDiscoverySettings;

  /** @throws {@link InvalidOptionError} for the first option that cannot be accepted. */
  constructor(options: RedisDiscoveryOptions) {
    this.#settings = resolveRedisDiscoveryOptions(options);
  }

  /** Makes a publisher with a connection of its own. */
  publisher(): Publisher {
    return new RedisPublisher(this.#settings);
  }

  /** Reports the workers there are, then changes. Each iteration has a connection of its own. */
  subscribe({ filter, signal }: SubscribeOptions = {}): AsyncIterable<DiscoveryEvent> {
    const settings = this.#settings;
    return {
      [Symbol.asyncIterator]() {
        const ended = new AbortController();
        const events = readEvents(settings, ended, filter, signal);
        return {
          next: () => events.next(),
          // A generator takes no `return()` while it waits; its wait has to be ended first.
          return() {
            ended.abort();
            return events.return(undefined);
          },
        };
      },
    };
  }
}

async function* readEvents(
  settings: RedisDiscoverySettings,
  ended: AbortController,
  filter: SubscribeOptions["filter"],
  signal: AbortSignal | undefined,
): AsyncGenerator<DiscoveryEvent, undefined, void> {
  if (signal?.aborted) return;
  const end = (): void => ended.abort();
  signal?.addEventListener("abort", end, { once: true });
  try {
    const watch = new RedisWatch(settings, ended.signal);
    const passing = new Map<string, WorkerMetadata>();
    for (let change = await watch.next(); change !== undefined; change = await watch.next()) {
      const event = translate(change, passing, filter);
      if (event !== undefined) yield event;
    }
  } finally {
    signal?.removeEventListener("abort", end);
    ended.abort();
  }
}

/** What a change is to somebody who sees only the workers that pass the filter, and has seen those in `passing`. */
function translate(
  { uid, worker }: Change,
  passing: Map<string, WorkerMetadata>,
  filter: SubscribeOptions["filter"],
): DiscoveryEvent | undefined {
  const before = passing.get(uid);
  if (worker !== undefined && (filter === undefined || filter(worker))) {
    passing.set(uid, worker);
    return { type: before === undefined ? "worker-added" : "worker-updated", worker };
  }
  passing.delete(uid);
  return before === undefined ? undefined : { type: "worker-dropped", worker: before };
}
