/**
 * Waits for one worker in particular to be a member that is ready, for a stream that it has: not for long, since the stream
 * can be had otherwise, and not again soon where that was in vain.
 */
import { type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";

/** How long it is waited for, in milliseconds: a proxy that has just been restored finds its members in that time. */
const WAIT_MS = 1_000;
/** For how long nobody waits for one that has not come. */
const MISSED_MS = 30_000;
/** How many of these are remembered. */
const MAX_MISSED = 256;

/** The members, as far as they are waited for. */
interface Members {
  get(uid: string): { readonly ready: boolean } | undefined;
}

/** Those of one proxy. */
export class AwaitedMembers {
  readonly #members: Members;
  readonly #deadlines: DeadlineQueue;
  readonly #waiting = new Map<string, Set<(isReady: boolean) => void>>();
  /** Until when each is not waited for; the oldest first. */
  readonly #missed = new Map<string, number>();

  /** @param queue Where time comes from; a parameter for tests. */
  constructor(members: Members, queue: DeadlineQueue = deadlines) {
    this.#members = members;
    this.#deadlines = queue;
  }

  /** @returns Whether it is ready, now or in a moment; false at once when the signal fires. */
  async whenReady(uid: string, signal: AbortSignal): Promise<boolean> {
    if (this.#members.get(uid)?.ready === true) return true;
    if (signal.aborted || (this.#missed.get(uid) ?? 0) > this.#deadlines.now()) return false;
    const waiting = this.#waiting.get(uid) ?? new Set();
    this.#waiting.set(uid, waiting);
    return new Promise((resolve) => {
      const settle = (isReady: boolean): void => {
        this.#deadlines.cancel(late);
        signal.removeEventListener("abort", gone);
        waiting.delete(settle);
        if (waiting.size === 0 && this.#waiting.get(uid) === waiting) this.#waiting.delete(uid);
        resolve(isReady);
      };
      const gone = (): void => settle(false);
      const late = this.#deadlines.after(WAIT_MS, () => {
        this.#miss(uid);
        settle(false);
      });
      signal.addEventListener("abort", gone);
      waiting.add(settle);
    });
  }

  /** A member has become ready. */
  came(uid: string): void {
    this.#missed.delete(uid);
    for (const settle of [...(this.#waiting.get(uid) ?? [])]) settle(true);
  }

  /** Nobody comes any more. */
  close(): void {
    for (const waiting of [...this.#waiting.values()]) for (const settle of [...waiting]) settle(false);
  }

  #miss(uid: string): void {
    this.#missed.delete(uid);
    this.#missed.set(uid, this.#deadlines.now() + MISSED_MS);
    if (this.#missed.size <= MAX_MISSED) return;
    const oldest = this.#missed.keys().next();
    if (oldest.done !== true) this.#missed.delete(oldest.value);
  }
}
