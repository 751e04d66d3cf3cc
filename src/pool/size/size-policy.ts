/**
 * Decides how many workers a pool has, from how much work there is. It grows at once, in bounded steps, when there is more
 * work for each worker than the target; it shrinks when fewer would have been enough for all of the time `idle`, by a
 * stricter measure, so that it does not go up and down with a load that stays the same. Pure, but for what it remembers:
 * it starts and ends no worker and has no clock.
 */
import type { ResolvedSizeRange } from "./size-range.ts";

/** The work that there is. */
export interface PoolLoad {
  /** Calls that run on the pool's own workers, whoever has made them, and those that wait. */
  readonly calls: number;
  /** How long these are expected to take, together, in milliseconds. */
  readonly ms: number;
  /** Those of them that wait. */
  readonly waiting: number;
}

/** Which part of the target each worker is to have after the pool has grown: at the target itself it would grow again. */
const AIM = 0.75;
/** Fewer workers are enough if each of them would have less than this part of the target. */
const KEEP = 0.5;

/** What is remembered of one pool. */
export class SizePolicy {
  readonly #range: ResolvedSizeRange;
  readonly #quorum: number;
  /** Since when there are more workers than needed, and how many were needed at most since. */
  #surplus: { readonly sinceMs: number; needed: number } | undefined;

  /** @param quorum Members that must be ready before the first call goes out. */
  constructor(range: ResolvedSizeRange, quorum: number) {
    this.#range = range;
    this.#quorum = quorum;
  }

  /** When a surplus has lasted for long enough, on the clock of `decide`; `undefined` if there is none. */
  get dueMs(): number | undefined {
    return this.#surplus === undefined ? undefined : this.#surplus.sinceMs + this.#range.idleMs;
  }

  /**
   * Says how many workers there are to be now.
   *
   * @param workers How many there are, those that start included.
   * @param nowMs The time, on any clock that does not go back.
   */
  decide(load: PoolLoad, workers: number, nowMs: number): number {
    const { targetWaitMs, idleMs } = this.#range;
    const floor = this.#floor(load);
    const isPressed = workers < floor || load.ms > workers * targetWaitMs;
    const wanted = isPressed ? Math.max(floor, this.#needed(load, AIM)) : workers;
    if (wanted > workers) {
      this.#surplus = undefined;
      // Twice as many at a time: what they will change is not known before they serve.
      return Math.max(floor, Math.min(wanted, Math.max(1, 2 * workers)));
    }
    const needed = Math.max(floor, this.#needed(load, KEEP));
    if (needed >= workers) {
      this.#surplus = undefined;
      return workers;
    }
    this.#surplus ??= { sinceMs: nowMs, needed };
    const surplus = this.#surplus;
    surplus.needed = Math.max(surplus.needed, needed);
    if (nowMs - surplus.sinceMs < idleMs) return workers;
    this.#surplus = undefined;
    return Math.min(workers, surplus.needed);
  }

  /** As many as have a part of the target each; never more than there are calls, of which each takes one worker. */
  #needed({ ms, calls }: PoolLoad, part: number): number {
    return Math.min(this.#range.max, calls, Math.ceil(ms / (this.#range.targetWaitMs * part)));
  }

  /** The least, whatever the work is expected to take: without it the first call would wait for nobody. */
  #floor({ calls, waiting }: PoolLoad): number {
    const { min, max } = this.#range;
    const forQuorum = waiting > 0 ? Math.min(this.#quorum, max) : 0;
    return Math.max(min, forQuorum, calls > 0 ? 1 : 0);
  }
}
