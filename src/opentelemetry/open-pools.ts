/** The pools that are open in this process, whose figures are read when metrics are collected. */
import type { Meter, ObservableResult } from "@opentelemetry/api";

/** Of a pool's message, what is read of it. */
export interface PoolOfMessage {
  readonly error: unknown;
  stats(): { readonly queued: number; readonly ready: number; readonly restarts: number };
}

/** Follows pools as they open and close. */
export class OpenPools {
  readonly #open = new Set<PoolOfMessage>();
  /** Of those that have closed. */
  #restarts = 0;

  opened(pool: PoolOfMessage): void {
    if (pool.error === undefined) this.#open.add(pool);
  }

  closed(pool: PoolOfMessage): void {
    if (this.#open.delete(pool)) this.#restarts += pool.stats().restarts;
  }

  /** Has a meter read them. @returns Ends that. */
  observe(meter: Meter): () => void {
    const queue = meter.createObservableUpDownCounter("merino.pool.queue.length", {
      description: "Calls that wait in the pools of this process.",
      unit: "{call}",
    });
    const workers = meter.createObservableUpDownCounter("merino.pool.workers", {
      description: "Members of its pools that take calls.",
      unit: "{worker}",
    });
    const restarts = meter.createObservableCounter("merino.pool.restarts", {
      description: "Workers that its pools have replaced.",
      unit: "{worker}",
    });
    const sum = (name: "queued" | "ready" | "restarts"): number =>
      [...this.#open].reduce((total, pool) => total + pool.stats()[name], 0);
    const callbacks = [
      { instrument: queue, callback: (result: ObservableResult) => result.observe(sum("queued")) },
      { instrument: workers, callback: (result: ObservableResult) => result.observe(sum("ready")) },
      {
        instrument: restarts,
        callback: (result: ObservableResult) => result.observe(this.#restarts + sum("restarts")),
      },
    ];
    for (const { instrument, callback } of callbacks) instrument.addCallback(callback);
    return () => {
      for (const { instrument, callback } of callbacks) instrument.removeCallback(callback);
    };
  }
}
