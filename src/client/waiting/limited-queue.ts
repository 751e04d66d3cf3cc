/**
 * The calls that wait until fewer bodies of their routine run, on any worker: a queue for each routine, in which no
 * others wait. `waiting-calls.ts` decides when one goes on, and where to.
 */
import { PriorityQueue } from "../../internal/queue/priority-queue.ts";
import type { Call } from "../call/call.ts";
import type { RoutineLimit } from "../members/routine-limits.ts";
import type { LimitedRoutine } from "../membership/explanation.ts";

/** Calls by the limit that each waits for. */
export class LimitedQueue {
  readonly #queues = new Map<RoutineLimit, PriorityQueue<Call>>();

  get size(): number {
    let size = 0;
    for (const queue of this.#queues.values()) size += queue.size;
    return size;
  }

  /** Whether there is any queue, empty ones included. */
  get any(): boolean {
    return this.#queues.size > 0;
  }

  /** Whether calls wait for this limit. */
  has(limit: RoutineLimit): boolean {
    return (this.#queues.get(limit)?.size ?? 0) > 0;
  }

  /** The queue of a limit. */
  of(limit: RoutineLimit): PriorityQueue<Call> {
    let queue = this.#queues.get(limit);
    if (queue === undefined) {
      queue = new PriorityQueue();
      this.#queues.set(limit, queue);
    }
    return queue;
  }

  /** All queues; those that are empty by then are forgotten. */
  *[Symbol.iterator](): Generator<readonly [RoutineLimit, PriorityQueue<Call>], undefined, undefined> {
    for (const entry of this.#queues) {
      if (entry[1].size > 0) yield entry;
      if (entry[1].size === 0) this.#queues.delete(entry[0]);
    }
    return undefined;
  }

  /** Takes all out, the next of each routine first. */
  drain(): Call[] {
    const calls = [...this.#queues.values()].flatMap((queue) => queue.drain());
    this.#queues.clear();
    return calls;
  }

  explain(): readonly LimitedRoutine[] {
    return [...this.#queues]
      .filter(([, queue]) => queue.size > 0)
      .map(([{ routine, most }, queue]) => ({
        routine,
        limit: Number.isFinite(most) ? most : undefined,
        waiting: queue.size,
      }));
  }
}
