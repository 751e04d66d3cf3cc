/**
 * Root calls that every worker has refused for being full: they are offered again after a pause, in turn and a
 * few at a time, so that however many wait, asking costs little. Whether a call is taken is decided in
 * `placement/placement.ts`.
 */
import { PriorityQueue } from "../../internal/queue/priority-queue.ts";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Call } from "../call/call.ts";
import type { Members, Placement } from "../placement/placement.ts";
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
  readonly #calls = new PriorityQueue<Call>();
  #pauseMs = 1;
  #next: { readonly atMs: number; readonly entry: DeadlineEntry } | undefined;

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(options: RetryQueueOptions, queue: DeadlineQueue = deadlines) {
    this.#options = options;
    this.#queue = queue;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** The one that has waited longest. */
  get oldest(): Call | undefined {
    return this.#calls.oldest();
  }

  /**
   * Adds a call behind the others. Whoever settles it takes it out with `leaveQueue`.
   *
   * @param pauseMs How long, in milliseconds, as the worker asks.
   */
  add(call: Call, pauseMs: number): void {
    call.waits();
    this.#calls.push(call);
    this.#pauseMs = Math.min(Math.max(1, pauseMs), MAX_PAUSE_MS);
    this.#options.waiting.watchMembers();
    this.#arm();
  }

  /** Members have changed: calls that one takes which has not refused them wait no longer, a few at a time. */
  look(): void {
    const { placement, waiting } = this.#options;
    for (let left = MIN_OFFERED; left > 0; left--) {
      const call = this.#calls.peek();
      const verdict = call === undefined ? "wait" : placement.place(call);
      if (call === undefined || verdict === "wait") return;
      this.#calls.take(call);
      waiting.keep(call, verdict);
    }
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
      const call = this.#calls.shift();
      if (call === undefined) return;
      if (call.settled) continue;
      call.refusals?.forgive();
      waiting.offer(call);
    }
    if (this.#calls.size > 0) this.#arm();
  }
}
