/** Reads a discovery's subscription in the background and keeps what it says. */
import type { Discovery, DiscoveryEvent, SubscribeOptions } from "../../src/discovery/discovery.ts";
import { eventually } from "./eventually.ts";

/** A subscription being read. Disposing ends it by its signal. */
export interface Follower extends AsyncDisposable {
  /** Everything read so far, as `"added a"`, `"updated a"`, `"dropped a"`. */
  readonly log: readonly string[];
  readonly events: readonly DiscoveryEvent[];
  /** Resolves when the iteration has finished; rejects with its error. */
  readonly finished: Promise<void>;
  /** Resolves once `count` events have been read. */
  read(count: number): Promise<void>;
  /** Ends the subscription by its signal and waits until the iteration has finished. */
  stop(): Promise<void>;
}

/** Starts reading. */
export function follow(discovery: Discovery, options: SubscribeOptions = {}): Follower {
  const controller = new AbortController();
  const events: DiscoveryEvent[] = [];
  const log: string[] = [];
  const finished = (async () => {
    for await (const event of discovery.subscribe({ ...options, signal: controller.signal })) {
      events.push(event);
      log.push(`${event.type.slice("worker-".length)} ${event.worker.uid}`);
    }
  })();
  // Whoever cares awaits `finished` itself.
  finished.catch(() => {});
  const stop = async (): Promise<void> => {
    controller.abort();
    await finished;
  };
  return {
    log,
    events,
    finished,
    async read(count) {
      await Promise.race([
        eventually(() => log.length >= count, { what: `${count} events, have [${log.join(", ")}]` }),
        finished,
      ]);
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop().catch(() => {});
    },
  };
}
