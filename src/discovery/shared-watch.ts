/**
 * One watch over a source of changes, shared by any number of subscriptions.
 *
 * The source runs from the first subscription to the last, and no subscription can stop it for another. Each
 * subscription reads at its own pace.
 */
import { assertFunction, assertKnownOptions, assertSignal } from "../errors/check-options.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { DiscoveryEvent, SubscribeOptions } from "./discovery.ts";
import { type Joined, Subscription } from "./subscription.ts";

const SUBSCRIBE_OPTIONS: Readonly<Record<keyof SubscribeOptions, true>> = {
  filter: true,
  signal: true,
  trust: true,
};

/** Requests to a source while it runs. The source sets those that it can serve. */
export interface WatchRequests {
  /** See {@link Discovery.recheck}. */
  recheck?: (worker: WorkerMetadata) => void;
}

/**
 * Watches something and reports changes until the signal fires, then cleans up and resolves.
 *
 * A rejection ends every subscription with that error. Events that it reports after the signal are ignored.
 */
export type WatchSource = (
  report: (event: DiscoveryEvent) => void,
  signal: AbortSignal,
  requests: WatchRequests,
) => Promise<void>;

/** One run of the source, from its first subscription to its last. */
interface Run {
  readonly controller: AbortController;
  readonly known: Map<string, WorkerMetadata>;
  readonly subscriptions: Set<Subscription>;
  readonly requests: WatchRequests;
  /** Resolves when the source has cleaned up. Never rejects. */
  ended: Promise<void>;
}

/** Shares one source among subscriptions. */
export class SharedWatch {
  readonly #source: WatchSource;
  #run: Run | undefined;

  constructor(source: WatchSource) {
    this.#source = source;
  }

  /**
   * Makes a subscription as the discovery port describes it; each iteration begins with its first `next()`.
   *
   * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, fault: caller) naming the option at fault.
   */
  subscribe(options: SubscribeOptions = {}): AsyncIterable<DiscoveryEvent> {
    assertSubscribeOptions(options);
    return {
      [Symbol.asyncIterator]: () => new Subscription(options, (subscription) => this.#join(subscription)),
    };
  }

  /** Asks the source, if it runs, to look again after a worker that cannot be reached. */
  recheck(worker: WorkerMetadata): void {
    this.#run?.requests.recheck?.(worker);
  }

  #join(subscription: Subscription): Joined {
    this.#run ??= this.#start();
    const run = this.#run;
    run.subscriptions.add(subscription);
    return {
      known: run.known.values(),
      leave: async () => {
        run.subscriptions.delete(subscription);
        if (run.subscriptions.size > 0) return;
        if (this.#run === run) this.#run = undefined;
        run.controller.abort();
        await run.ended;
      },
    };
  }

  #start(): Run {
    const controller = new AbortController();
    const { signal } = controller;
    const known = new Map<string, WorkerMetadata>();
    const subscriptions = new Set<Subscription>();
    const report = (event: DiscoveryEvent): void => {
      if (signal.aborted) return;
      if (event.type === "worker-dropped") known.delete(event.worker.uid);
      else known.set(event.worker.uid, event.worker);
      for (const subscription of subscriptions) subscription.offer(event);
    };
    const requests: WatchRequests = {};
    const run: Run = { controller, known, subscriptions, requests, ended: Promise.resolve() };
    run.ended = this.#source(report, signal, requests).catch((reason: unknown) => {
      // Who subscribes from now on starts the source afresh; who is here learns why it ended.
      if (this.#run === run) this.#run = undefined;
      for (const subscription of subscriptions) subscription.fail(reason);
    });
    return run;
  }
}

/** @throws InvalidOptionError naming the option at fault. */
function assertSubscribeOptions(options: SubscribeOptions): void {
  assertKnownOptions(options, SUBSCRIBE_OPTIONS);
  const { filter, signal } = options;
  assertFunction("filter", filter, "a function of a worker's record that tells whether to report it");
  assertSignal("signal", signal);
}
