/** The pools that are open in this process, whose figures are read when metrics are collected. */
import type { Meter, ObservableResult } from "@opentelemetry/api";
import { ATTRIBUTES } from "./attributes.ts";

/** Figures of one resource. */
interface ResourceFigures {
  readonly total: number;
  readonly held: number;
  readonly waiting: number;
}

/** Of a pool's message, what is read of it. */
export interface PoolOfMessage {
  readonly error: unknown;
  stats(): {
    readonly queued: number;
    readonly ready: number;
    readonly restarts: number;
    /** Absent of a pool of an older copy of the library. */
    readonly resources?: Readonly<Record<string, ResourceFigures>> | undefined;
  };
}

/** Names of resources, which workers of others say as well, of which there are figures. */
const MAX_RESOURCES = 100;

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
    const total = meter.createObservableGauge("merino.pool.resource.total", {
      description: "How much of a resource the members of its pools have that take calls.",
      unit: "1",
    });
    const held = meter.createObservableUpDownCounter("merino.pool.resource.held", {
      description: "How much of that its pools hold.",
      unit: "1",
    });
    const waiting = meter.createObservableUpDownCounter("merino.pool.resource.waiting", {
      description: "Calls that wait in its pools for some of a resource.",
      unit: "{call}",
    });
    const sum = (name: "queued" | "ready" | "restarts"): number =>
      [...this.#open].reduce((all, pool) => all + pool.stats()[name], 0);
    const ofEach =
      (figure: keyof ResourceFigures) =>
      (result: ObservableResult): void => {
        for (const [name, figures] of this.#resources())
          result.observe(figures[figure], { [ATTRIBUTES.resource]: name });
      };
    const callbacks = [
      { instrument: queue, callback: (result: ObservableResult) => result.observe(sum("queued")) },
      { instrument: workers, callback: (result: ObservableResult) => result.observe(sum("ready")) },
      {
        instrument: restarts,
        callback: (result: ObservableResult) => result.observe(this.#restarts + sum("restarts")),
      },
      { instrument: total, callback: ofEach("total") },
      { instrument: held, callback: ofEach("held") },
      { instrument: waiting, callback: ofEach("waiting") },
    ];
    for (const { instrument, callback } of callbacks) instrument.addCallback(callback);
    return () => {
      for (const { instrument, callback } of callbacks) instrument.removeCallback(callback);
    };
  }

  /** By name, over all pools. */
  #resources(): ReadonlyMap<string, ResourceFigures> {
    const sums = new Map<string, ResourceFigures>();
    for (const pool of this.#open) {
      for (const [name, { total, held, waiting }] of Object.entries(pool.stats().resources ?? {})) {
        const before = sums.get(name) ?? { total: 0, held: 0, waiting: 0 };
        if (sums.size >= MAX_RESOURCES && !sums.has(name)) continue;
        sums.set(name, {
          total: before.total + total,
          held: before.held + held,
          waiting: before.waiting + waiting,
        });
      }
    }
    return sums;
  }
}
