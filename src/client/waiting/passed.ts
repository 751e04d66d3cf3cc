/**
 * How many calls have been sent past one that waits for a worker that has nothing else to do, since it takes long or
 * nobody knows how long it takes. While short ones find room at once there need never be such a worker: after so many it
 * asks for room as one that takes no time.
 */
import type { Call } from "../call/call.ts";

/** Calls that go past one before that. */
export const MOST_PASSED = 64;

/** Counts the calls that are sent past those of a queue. */
export class Passed {
  #count = 0;

  /** A call has been sent that is none of the queue, or is its first. */
  count(): void {
    this.#count += 1;
  }

  /** The first of the queue is looked at. */
  tell(call: Call): void {
    if (this.#count >= MOST_PASSED) call.becomesOverdue();
  }

  /** The first of the queue has left it. */
  left(): void {
    this.#count = 0;
  }
}
