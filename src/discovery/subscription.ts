/**
 * One subscription to a watch. It keeps at most one pending change per worker, so that a slow reader costs memory for
 * workers, not for events; its reader hears nothing of workers that the filter rejects.
 */
import { Fifo } from "../internal/fifo.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { DiscoveryEvent, SubscribeOptions } from "./discovery.ts";
import { FilterTransitions } from "./filter-transitions.ts";

/** A running watch that a subscription has joined. */
export interface Joined {
  /** The workers known when it joined. */
  readonly known: Iterable<WorkerMetadata>;
  /**
   * Leaves the watch. If this was its last subscription, the watch is stopped, and the promise resolves when that
   * is done.
   */
  readonly leave: () => Promise<void>;
}

interface Waiter {
  readonly resolve: (result: IteratorResult<DiscoveryEvent>) => void;
  readonly reject: (reason: unknown) => void;
}

/** One reader of a watch. */
export class Subscription implements AsyncIterableIterator<DiscoveryEvent> {
  readonly #signal: AbortSignal | undefined;
  readonly #join: (subscription: Subscription) => Joined;
  readonly #transitions: FilterTransitions;
  /** For each worker its latest unread change, ordered by the worker's oldest unread change. */
  readonly #pending = new Map<string, DiscoveryEvent>();
  readonly #waiters = new Fifo<Waiter>();
  readonly #onAbort = (): void => void this.#end();
  #joined: Joined | undefined;
  #failure: { readonly reason: unknown } | undefined;
  #ended: Promise<void> | undefined;

  /**
   * @param options Checked by the caller.
   * @param join Called with the first read.
   */
  constructor(options: SubscribeOptions, join: (subscription: Subscription) => Joined) {
    this.#signal = options.signal;
    this.#join = join;
    this.#transitions = new FilterTransitions(options.filter);
  }

  /** Records a change until the reader asks for it. */
  offer(event: DiscoveryEvent): void {
    const { uid } = event.worker;
    // A worker that came and went before anyone read of it is forgotten; otherwise such workers would pile up
    // behind a stalled reader.
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

  /** Answers waiting reads of a subscription that has ended, once it has left its watch. */
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
