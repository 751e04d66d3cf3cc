/**
 * The limits of a body that has begun: the budget of its call, and the time for the body alone. Both are watched by the
 * caller as well, whose word comes at about the same moment; this is for a caller that is busy or gone.
 */
import { TimeoutError } from "../errors/timeout-error.ts";
import { abortReason } from "../internal/abort-reason.ts";
import { type DeadlineEntry, deadlines } from "../internal/time/deadline-queue.ts";

/** A task, as its clock sees it. */
export interface TimedTask {
  /** Identity of the routine. */
  readonly routine: string;
  readonly deadline: number | undefined;
  readonly runTimeoutUs: number;
  readonly cancelled: boolean;
}

/** Runs from its creation, when the body begins, until it is stopped. */
export class BodyClock {
  /** With what the call fails, if the time for the body alone is over: the same words as its caller's. */
  ranOut: TimeoutError | undefined;
  readonly #budget: DeadlineEntry | undefined;
  readonly #run: DeadlineEntry | undefined;

  /** @param abort Cancels the task. */
  constructor(task: TimedTask, abort: (reason: unknown) => void) {
    const { routine, deadline, runTimeoutUs } = task;
    if (deadline !== undefined) {
      this.#budget = deadlines.add(deadline, () =>
        abort(abortReason("The call's budget ran out", "TimeoutError")),
      );
    }
    if (runTimeoutUs === 0) return;
    const timeout = runTimeoutUs / 1_000;
    this.#run = deadlines.after(timeout, () => {
      if (task.cancelled) return;
      this.ranOut = new TimeoutError(routine, { phase: "running", timeout, option: "runTimeout" });
      abort(this.ranOut);
    });
  }

  stop(): void {
    if (this.#budget !== undefined) deadlines.cancel(this.#budget);
    if (this.#run !== undefined) deadlines.cancel(this.#run);
  }
}
