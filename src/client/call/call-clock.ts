/**
 * The deadlines of one call: its budget, which may come from its own timeout or from the task that makes the
 * call, the time within which a worker has to accept, and the time for its body alone, which runs once the worker has
 * said that it begins. Says that a limit has been exceeded; ending the call is left to the call.
 */
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";

/** By how much a timer of the platform may fire early, in milliseconds. */
const CLOCK_GRAIN_MS = 1;

/** Which limit of a call has been exceeded. */
export type TimeLimit = "timeout" | "dispatchTimeout" | "runTimeout";

/** The limits of a call. */
export interface CallLimits {
  /** Its own timeout, in milliseconds from now. */
  readonly timeoutMs: number | undefined;
  /** When the budget of the calling task ends, in milliseconds on the clock of {@link deadlines}. */
  readonly inheritedMs: number | undefined;
  /** Time within which a worker has to accept, in milliseconds from now. */
  readonly dispatchTimeoutMs: number | undefined;
  /** Time for its body, in milliseconds. Default: no limit. */
  readonly runTimeoutMs?: number | undefined;
  /** When it came, on the clock of {@link deadlines}. Default: now. */
  readonly sinceMs?: number | undefined;
}

/** Told when a limit has been exceeded. */
export interface TimedCall {
  /** @param limitMs The limit as the call knows it, in milliseconds. */
  expired(limitMs: number, option: TimeLimit): void;
}

/** Runs from its creation until it is stopped. */
export class CallClock {
  readonly #call: TimedCall;
  readonly #deadlineMs: number;
  readonly #budgetMs: number = 0;
  #budget: DeadlineEntry | undefined;
  #dispatch: DeadlineEntry | undefined;
  /** When a worker has to have accepted, and for how long that is. */
  readonly #dispatchMs: number | undefined;
  readonly #dispatchTimeoutMs: number = 0;
  readonly #runTimeoutMs: number | undefined;
  #run: DeadlineEntry | undefined;
  /** The call is settled, though its worker may still say that it begins. */
  #stopped = false;

  constructor(call: TimedCall, limits: CallLimits) {
    const { timeoutMs, inheritedMs, dispatchTimeoutMs, runTimeoutMs, sinceMs } = limits;
    this.#call = call;
    this.#runTimeoutMs = runTimeoutMs;
    const now = sinceMs ?? deadlines.now();
    const own = timeoutMs === undefined ? Number.POSITIVE_INFINITY : now + timeoutMs;
    this.#deadlineMs = Math.min(own, inheritedMs ?? Number.POSITIVE_INFINITY);
    if (this.#deadlineMs !== Number.POSITIVE_INFINITY) {
      // If the call's own timeout applies, use it as given. Subtracting two timestamps would add a rounding error.
      this.#budgetMs = this.#deadlineMs === own ? (timeoutMs ?? 0) : Math.max(0, this.#deadlineMs - now);
      this.#budget = deadlines.add(this.#deadlineMs, () => call.expired(this.#budgetMs, "timeout"));
    }
    if (dispatchTimeoutMs !== undefined) {
      this.#dispatchMs = now + dispatchTimeoutMs;
      this.#dispatchTimeoutMs = dispatchTimeoutMs;
      this.#startDispatch();
    }
  }

  /** The rest of the budget, in microseconds, at least 1; 0 without a budget. */
  get remainingUs(): number {
    if (this.#deadlineMs === Number.POSITIVE_INFINITY) return 0;
    return Math.max(1, Math.ceil((this.#deadlineMs - deadlines.now()) * 1000));
  }

  /**
   * Reports the timeout if the budget has run out. Needed because the worker tracks the budget too and may notice
   * first.
   *
   * @returns Whether it has.
   */
  late(): boolean {
    if (deadlines.now() < this.#deadlineMs - CLOCK_GRAIN_MS) return false;
    this.#call.expired(this.#budgetMs, "timeout");
    return true;
  }

  /** A worker has accepted and, where the time of the body is limited, that begins. */
  accepted(): void {
    this.#stopDispatch();
    const limitMs = this.#runTimeoutMs;
    if (limitMs === undefined || this.#run !== undefined || this.#stopped) return;
    this.#run = deadlines.after(limitMs, () => this.#call.expired(limitMs, "runTimeout"));
  }

  /** The body has not begun after all: another worker has to accept, in what is left of the time for that. */
  returned(): void {
    this.#stopRun();
    if (this.#dispatch === undefined && !this.#stopped) this.#startDispatch();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#budget !== undefined) deadlines.cancel(this.#budget);
    this.#budget = undefined;
    this.#stopDispatch();
    this.#stopRun();
  }

  #stopRun(): void {
    if (this.#run !== undefined) deadlines.cancel(this.#run);
    this.#run = undefined;
  }

  #startDispatch(): void {
    if (this.#dispatchMs === undefined) return;
    this.#dispatch = deadlines.add(this.#dispatchMs, () =>
      this.#call.expired(this.#dispatchTimeoutMs, "dispatchTimeout"),
    );
  }

  #stopDispatch(): void {
    if (this.#dispatch !== undefined) deadlines.cancel(this.#dispatch);
    this.#dispatch = undefined;
  }
}
