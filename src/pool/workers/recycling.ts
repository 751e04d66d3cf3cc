/**
 * Has the workers of a pool replaced that have taken so many calls, are so old or so large that they may have leaked: in
 * turn, so that the pool always serves. Each worker has limits of its own, by chance. How one replaces another is up to its
 * place (`worker-slot.ts`).
 */
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import {
  chooseLimits,
  type ResolvedRecycleOptions,
  type WearLimits,
  type WearReason,
  wearOf,
} from "../../process/recycle/recycle-options.ts";
import { RecycleTurns, type WorkersInTurn } from "../../process/recycle/recycle-turns.ts";
import type { WantedReports } from "../../process/worker.ts";
import type { Retirement } from "./pool-worker.ts";
import type { WorkerSlot } from "./worker-slot.ts";

/** The pool, and when its workers are worn. */
export interface RecyclingOptions {
  readonly limits: ResolvedRecycleOptions;
  /** What the calls of a worker get that has been replaced. */
  readonly retirement: Retirement;
  readonly workers: () => WorkersInTurn;
  readonly slotOf: (uid: string) => Pick<WorkerSlot, "recycle"> | undefined;
  /** Where time comes from; the shared one unless a test gives another. */
  readonly queue?: DeadlineQueue;
  /** Default: `Math.random`. */
  readonly random?: () => number;
}

/** The wear of one pool's workers. */
export class Recycling {
  /** Workers that have been replaced for being worn. */
  recycled = 0;
  readonly #options: RecyclingOptions;
  readonly #queue: DeadlineQueue;
  readonly #turns: RecycleTurns;
  readonly #limits = new Map<string, WearLimits>();
  /** When those that serve are too old. */
  readonly #ages = new Map<string, DeadlineEntry>();

  constructor(options: RecyclingOptions) {
    this.#options = options;
    this.#queue = options.queue ?? deadlines;
    this.#turns = new RecycleTurns(options.workers);
  }

  /** Workers that are being replaced, by uid. */
  get active(): ReadonlySet<string> {
    return this.#turns.active;
  }

  /** What a worker that is started now has to tell of itself. */
  wearOf(uid: string): WantedReports["wear"] {
    const limits = chooseLimits(this.#options.limits, this.#options.random);
    this.#limits.set(uid, limits);
    return wearOf(limits);
  }

  /** A worker serves. */
  began(uid: string): void {
    const ageMs = this.#limits.get(uid)?.ageMs ?? Number.POSITIVE_INFINITY;
    if (Number.isFinite(ageMs))
      this.#ages.set(
        uid,
        this.#queue.after(ageMs, () => this.worn(uid, "age", ageMs)),
      );
    this.review();
  }

  /** A worker has reached one of its limits. */
  worn(uid: string, reason: WearReason, value: number): void {
    if (!this.#limits.has(uid)) return; // it has left, or has gone
    this.#turns.request(uid, () => {
      const { slotOf, retirement } = this.#options;
      const isBegun = slotOf(uid)?.recycle(uid, { reason, value }, retirement) === true;
      if (!isBegun) this.#turns.done(uid); // it is replaced already, or ends
    });
  }

  /** A worker has left its place, for whatever reason. */
  left(uid: string): void {
    if (!this.#limits.delete(uid)) return;
    const age = this.#ages.get(uid);
    this.#ages.delete(uid);
    if (age !== undefined) this.#queue.cancel(age);
    if (this.#turns.active.has(uid)) this.recycled += 1;
    this.#turns.done(uid);
  }

  /** There may be turns for others: a worker serves that did not. */
  review(): void {
    this.#turns.review();
  }

  /** Nobody is replaced any more. */
  end(): void {
    for (const age of this.#ages.values()) this.#queue.cancel(age);
    this.#ages.clear();
    this.#limits.clear();
    this.#turns.clear();
  }
}
