/** What the channels of `merino:pool` tell about a pool. */
import { poolChannel, poolCloseChannel } from "../telemetry/channels.ts";
import { tellOfPromise } from "../telemetry/tell-of-promise.ts";
import type { PoolStats } from "./pool-stats.ts";

/** A pool that is opened. The same object tells of its end. */
export interface PoolMessage {
  /** Its `id`. */
  readonly id: string;
  /** Workers that it spawns. */
  readonly size: number;
  /** Why it did not open; undefined unless it did not. */
  readonly error: unknown;
  /** Its figures as they stand, at any time. */
  stats(): PoolStats;
}

/** Tells of one pool. */
export class ToldPool {
  readonly #message: PoolMessage & { error: unknown };
  #isOpened = false;

  constructor(pool: { readonly id: string; stats(): PoolStats }) {
    this.#message = {
      get id() {
        return pool.id;
      },
      get size() {
        return pool.stats().size;
      },
      error: undefined,
      stats: () => pool.stats(),
    };
  }

  /** @param open Opens the pool. */
  opening<T>(open: () => Promise<T>): Promise<T> {
    this.#isOpened = true;
    return poolChannel.hasSubscribers ? tellOfPromise(poolChannel, this.#message, open) : open();
  }

  closed(): void {
    if (this.#isOpened) poolCloseChannel.publish(this.#message);
  }
}
