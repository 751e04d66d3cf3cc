/** A watch over a DNS name, with DNS, workers and time in the test's hands. */
import assert from "node:assert/strict";
import type { DiscoveryEvent } from "../../src/discovery/discovery.ts";
import {
  type DnsDiscoveryOptions,
  resolveDnsDiscovery,
} from "../../src/discovery/dns/dns-discovery-options.ts";
import { DnsWatch } from "../../src/discovery/dns/watch.ts";
import { type DnsPeers, dnsPeers } from "./dns-peers.ts";
import { type FakeClock, useFakeClock } from "./use-fake-clock.ts";

/** What is watched unless a test says otherwise. */
export const NAME = "jobs.test";

/** The default interval between two questions. */
export const POLL_MS = 5_000;

/** The watch, its world, and what it has reported. Disposing it stops the watch, and shows that no timer is left. */
export interface Watched extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly peers: DnsPeers;
  readonly events: readonly DiscoveryEvent[];
  /** Takes what was reported since the last call, as `"added a"`. */
  news(): string[];
  start(options?: DnsDiscoveryOptions): Promise<void>;
  stop(): Promise<void>;
}

/** A watch over `jobs.test`, port 7777, that a test starts once the world is as it should be. */
export function useDnsWatch(
  name: string = NAME,
  port: number | undefined = name.startsWith("_") ? undefined : 7_777,
): Watched {
  const clock = useFakeClock();
  const peers = dnsPeers(clock);
  const events: DiscoveryEvent[] = [];
  const controller = new AbortController();
  let running: Promise<void> | undefined;
  let told = 0;
  const stop = async (): Promise<void> => {
    controller.abort();
    await running;
  };
  return {
    clock,
    peers,
    events,
    news() {
      const news = events.slice(told);
      told = events.length;
      return news.map(({ type, worker }) => `${type.slice("worker-".length)} ${worker.uid}`);
    },
    async start(options) {
      const watch = new DnsWatch(resolveDnsDiscovery(name, port, options), peers.ports, (event) => {
        events.push(event);
      });
      running = watch.run(controller.signal);
      await clock.advance(0);
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      assert.equal(clock.timerCount, 0);
    },
  };
}
