/**
 * Root calls that every worker has refused for being full: they are offered again after a pause, a few at a time, so that
 * however many wait, asking costs little. Each has its turn before any has a second one, since what was refused may be the
 * call more than its kind; within one round they go by priority and age. Whether a call is taken is decided in
 * `placement/placement.ts`.
 */
import { leaveQueue } from "../../internal/queue/priority-queue.ts";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Call } from "../call/call.ts";
import type { Members, Placement } from "../placement/placement.ts";
import { CallQueue } from "./call-queue.ts";
import { older } from "./lanes.ts";
import type { PausedCalls, WaitingCalls } from "./waiting-calls.ts";

/** Longest pause that a worker can ask for: meanwhile others may have come, or may have room. */
const MAX_PAUSE_MS = 1_000;
/** Calls offered at a time, even if workers run few of ours. */
const MIN_OFFERED = 16;

/** Parts that a retry queue needs to offer calls again. */
export interface RetryQueueOptions {
  readonly members: Pick<Members, "members">;
  readonly placement: Pick<Placement, "place">;
  /** Offers the calls to workers that have room. A call may come back from there. */
  readonly waiting: Pick<WaitingCalls, "offer" | "keep" | "watchMembers">;
}

/** Calls to be offered again. */
export class RetryQueue implements PausedCalls {
  readonly #options: RetryQueueOptions;
  readonly #queue: DeadlineQueue;
  /** Those that have their turn in this round. */
  #calls = new CallQueue<Call>();
  /** Those that have had it. */
  #after = new CallQueue<Call>();
  #round = 0;
  /** In which round a call has been offered last. */
  readonly #offeredIn = new WeakMap<Call, number>();
  #pauseMs = 1;
  #next: { readonly atMs: number; readonly entry: DeadlineEntry } | undefined;

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(options: RetryQueueOptions, queue: DeadlineQueue = deadlines) {
    this.#options = options;
    this.#queue = queue;
  }

  get size(): number {
    return this.#calls.size + this.#after.size;
  }

  /** The one that has waited longest. */
  get oldest(): Call | undefined {
    return older(this.#calls.oldest(), this.#after.oldest());
  }

  /**
   * Adds a call: to this round, if it has not had its turn in it. Whoever settles it takes it out with `leaveQueue`.
   *
   * @param pauseMs How long, in milliseconds, as the worker asks.
   */
  add(call: Call, pauseMs: number): void {
    call.waits();
    (this.#offeredIn.get(call) === this.#round ? this.#after : this.#calls).push(call);
    this.#pauseMs = Math.min(Math.max(1, pauseMs), MAX_PAUSE_MS);
    this.#options.waiting.watchMembers();
    this.#arm();
  }

  /** Calls that a member takes which has not refused them wait no longer, a few at a time. */
  look({ most }: { readonly most: "one" | "few" }): void {
    const { placement, waiting } = this.#options;
    let left = most === "one" ? 1 : MIN_OFFERED;
    for (const calls of [this.#calls, this.#after]) {
      for (const call of calls) {
        if (left === 0) return;
        left -= 1;
        const verdict = placement.place(call);
        if (verdict === "wait") continue; // nobody new for this one
        leaveQueue(call);
        waiting.keep(call, verdict);
      }
    }
  }

  /** The call whose turn it is. */
  #peek(): Call | undefined {
    if (this.#calls.size === 0 && this.#after.size > 0) {
      [this.#calls, this.#after] = [this.#after, this.#calls];
      this.#round += 1;
    }
    return this.#calls.peek();
  }

  #arm(): void {
    const atMs = this.#queue.now() + this.#pauseMs;
    if (this.#next !== undefined && this.#next.atMs <= atMs) return;
    if (this.#next !== undefined) this.#queue.cancel(this.#next.entry);
    this.#next = { atMs, entry: this.#queue.add(atMs, () => this.#offer()) };
  }

  #offer(): void {
    this.#next = undefined;
    const { members, waiting } = this.#options;
    // As many as the workers are running may have ended by the next time.
    const inFlight = members.members.reduce((sum, member) => sum + member.inFlight, 0);
    for (let left = Math.max(MIN_OFFERED, 2 * inFlight); left > 0; left--) {
      const call = this.#peek();
      if (call === undefined) return;
      this.#calls.take(call);
      if (call.settled) continue;
      this.#offeredIn.set(call, this.#round);
      call.refusals?.forgive();
      waiting.offer(call);
    }
    if (this.size > 0) this.#arm();
  }
}
