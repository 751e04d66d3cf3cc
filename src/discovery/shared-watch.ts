/**
 * One watch over a source of changes, shared by any number of subscriptions.
 *
 * The source has a pump of its own: it runs from the first subscription to the last, and no subscription
 * can stop it for another. A subscription keeps at most one pending change per worker, so that a slow reader
 * costs memory for workers, not for events.
 */

import { assertFunction, assertKnownOptions, assertSignal } from "../errors/check-options.ts";
import { Fifo } from "../internal/fifo.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { DiscoveryEvent, SubscribeOptions } from "./discovery.ts";
import { FilterTransitions } from "./filter-transitions.ts";

const SUBSCRIBE_OPTIONS: Readonly<Record<keyof SubscribeOptions, true>> = { filter: true, signal: true };

/**
 * Watches something and reports changes until the signal fires, then cleans up and resolves.
 *
 * A rejection ends every subscription with that error. What it reports after the signal is ignored.
 */
export type WatchSource = (report: (event: DiscoveryEvent) => void, signal: AbortSignal) => Promise<void>;

/** One run of the source, from its first subscription to its last. */
interface Run {
  readonly controller: AbortController;
  readonly known: Map<string, WorkerMetadata>;
  readonly subscriptions: Set<Subscription>;
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
    const run: Run = { controller, known, subscriptions, ended: Promise.resolve() };
    run.ended = this.#source(report, signal).catch((reason: unknown) => {
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

/** What a subscription has joined. */
interface Joined {
  /** The workers known when it joined. */
  readonly known: Iterable<WorkerMetadata>;
  /** Resolves once what this subscription alone kept open is closed. */
  readonly leave: () => Promise<void>;
}

interface Waiter {
  readonly resolve: (result: IteratorResult<DiscoveryEvent>) => void;
  readonly reject: (reason: unknown) => void;
}

class Subscription implements AsyncIterableIterator<DiscoveryEvent> {
  readonly #signal: AbortSignal | undefined;
  readonly #join: (subscription: Subscription) => Joined;
  readonly #transitions: FilterTransitions;
  /** The last change of each worker that has not been read, in the order in which workers first changed. */
  readonly #pending = new Map<string, DiscoveryEvent>();
  readonly #waiters = new Fifo<Waiter>();
  readonly #onAbort = (): void => void this.#end();
  #joined: Joined | undefined;
  #failure: { readonly reason: unknown } | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: SubscribeOptions, join: (subscription: Subscription) => Joined) {
    this.#signal = options.signal;
    this.#join = join;
    this.#transitions = new FilterTransitions(options.filter);
  }

  offer(event: DiscoveryEvent): void {
    const { uid } = event.worker;
    // A worker that came and went unread leaves no trace, or a stalled reader would collect them.
    if (event.type === "worker-dropped" && !this.#transitions.isReported(uid)) this.#pending.delete(uid);
    else this.#pending.set(uid, event);
    this.#pump();
  }

  /** Ends the subscription; the next read gets `reason`. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    void this.#end();
  }

  next(): Promise<IteratorResult<DiscoveryEvent>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      if (this.#joined === undefined && this.#ended === undefined) this.#begin();
      if (this.#ended !== undefined) this.#flush();
      else this.#pump();
    });
  }

  async return(): Promise<IteratorResult<DiscoveryEvent>> {
    await this.#end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #begin(): void {
    if (this.#signal?.aborted) {
      void this.#end();
      return;
    }
    this.#signal?.addEventListener("abort", this.#onAbort);
    this.#joined = this.#join(this);
    for (const worker of this.#joined.known) {
      this.#pending.set(worker.uid, { type: "worker-added", worker });
    }
  }

  /** Serves waiting reads from what is pending. */
  #pump(): void {
    try {
      while (this.#waiters.size > 0) {
        const first = this.#pending.values().next();
        if (first.done) return;
        this.#pending.delete(first.value.worker.uid);
        const event = this.#transitions.translate(first.value);
        if (event !== undefined) this.#waiters.shift()?.resolve({ done: false, value: event });
      }
    } catch (reason) {
      // The subscriber's own filter threw: its reader gets the error, nobody else.
      this.fail(reason);
    }
  }

  #end(): Promise<void> {
    this.#ended ??= (async () => {
      this.#signal?.removeEventListener("abort", this.#onAbort);
      this.#pending.clear();
      await this.#joined?.leave();
    })();
    this.#flush();
    return this.#ended;
  }

  /** Answers waiting reads of a subscription that has ended, once what it kept open is closed. */
  #flush(): void {
    const waiters = this.#waiters.drain();
    void this.#ended?.then(() => {
      for (const { resolve, reject } of waiters) {
        const failure = this.#failure;
        this.#failure = undefined;
        if (failure === undefined) resolve({ done: true, value: undefined });
        else reject(failure.reason);
      }
    });
  }
}
