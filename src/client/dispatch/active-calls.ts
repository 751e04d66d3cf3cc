/**
 * The calls of one dispatcher that have not been settled for their callers, waiting and sent ones alike:
 * what closing ends, and what draining awaits. A cancelled call is not among them, although its worker may
 * still run it.
 */

import type { Call } from "../call/call.ts";
import type { CallsUnderWay } from "../call/cancellation-watch.ts";
import type { Member } from "../members/member.ts";

/** Calls not settled. */
export class ActiveCalls implements CallsUnderWay {
  readonly #calls = new Set<Call>();
  #whenNone: Array<() => void> = [];

  get size(): number {
    return this.#calls.size;
  }

  add(call: Call): void {
    this.#calls.add(call);
  }

  delete(call: Call): void {
    if (!this.#calls.delete(call) || this.#calls.size > 0 || this.#whenNone.length === 0) return;
    const waiting = this.#whenNone;
    this.#whenNone = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves when there is none. */
  none(): Promise<void> {
    if (this.#calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenNone.push(resolve));
  }

  /** Ends them all. */
  abortAll(makeReason: () => unknown): void {
    for (const call of [...this.#calls]) call.abort(makeReason());
  }

  /** Whether one is known to have the member's thread. */
  occupies(member: Member): boolean {
    for (const call of this.#calls) {
      if (call.member === member && call.phase === "running" && call.occupiesThread) return true;
    }
    return false;
  }

  /** The stream of the first that was sent to the member and not heard of; Infinity if there is none. */
  firstWaiting(member: Member): number {
    let first = Number.POSITIVE_INFINITY;
    for (const call of this.#calls) {
      if (call.member === member && call.phase === "sent" && call.stream < first) first = call.stream;
    }
    return first;
  }
}
