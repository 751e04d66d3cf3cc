/**
 * The limit of a body that has begun: the budget of its call. The caller watches it as well, and its Cancel comes at about
 * the same moment; this is for a caller that is busy or gone.
 */
import { abortReason } from "../internal/abort-reason.ts";
import { type DeadlineEntry, deadlines } from "../internal/time/deadline-queue.ts";

/** Runs from its creation, when the body begins, until it is stopped. */
export class BodyClock {
  readonly #entry: DeadlineEntry;

  /** @param deadline When the budget is over, in milliseconds of `performance.now()`. */
  constructor(task: { abort(reason: unknown): void }, deadline: number) {
    this.#entry = deadlines.add(deadline, () =>
      task.abort(abortReason("The call's budget ran out", "TimeoutError")),
    );
  }

  stop(): void {
    deadlines.cancel(this.#entry);
  }
}
