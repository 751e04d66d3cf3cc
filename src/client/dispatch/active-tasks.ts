/**
 * The tasks of one dispatcher that have not been settled for their callers, waiting and sent ones alike:
 * what closing ends, and what draining awaits. A cancelled task is not among them, although its worker may
 * still run it.
 */

import type { OutgoingTask } from "../call/outgoing-task.ts";
import type { Member } from "../members/member.ts";

/** Tasks not settled. */
export class ActiveTasks {
  readonly #tasks = new Set<OutgoingTask>();
  #whenNone: Array<() => void> = [];

  get size(): number {
    return this.#tasks.size;
  }

  has(task: OutgoingTask): boolean {
    return this.#tasks.has(task);
  }

  add(task: OutgoingTask): void {
    this.#tasks.add(task);
  }

  delete(task: OutgoingTask): void {
    if (!this.#tasks.delete(task) || this.#tasks.size > 0 || this.#whenNone.length === 0) return;
    const waiting = this.#whenNone;
    this.#whenNone = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves when there is none. */
  none(): Promise<void> {
    if (this.#tasks.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenNone.push(resolve));
  }

  /** Ends them all. */
  abortAll(makeReason: () => unknown): void {
    for (const task of [...this.#tasks]) task.abort(makeReason());
  }

  /** Whether one is known to hold the member's thread. */
  occupies(member: Member): boolean {
    for (const task of this.#tasks) {
      if (task.member === member && task.phase === "running" && task.reserved) return true;
    }
    return false;
  }

  /** The stream of the first that was sent to the member and not heard of; Infinity if there is none. */
  firstWaiting(member: Member): number {
    let first = Number.POSITIVE_INFINITY;
    for (const task of this.#tasks) {
      if (task.member === member && task.phase === "sent" && task.stream < first) first = task.stream;
    }
    return first;
  }
}
