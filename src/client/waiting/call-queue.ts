/**
 * Calls in the order in which they are to be placed. Only this file writes the place of a call, so that whoever
 * settles a call can take it out of its queue without knowing which queue that is. A call is in one queue at
 * most.
 */
import { Fifo } from "../../internal/fifo.ts";
import type { Call } from "../call/call.ts";

/** A queue of calls. */
export class CallQueue {
  readonly #calls = new Fifo<Call>();

  get size(): number {
    return this.#calls.size;
  }

  /** Adds a call behind the others. */
  push(call: Call): void {
    call.queuePlace = this.#calls.push(call);
  }

  /** Adds a call in front of the others. */
  unshift(call: Call): void {
    call.queuePlace = this.#calls.unshift(call);
  }

  /** The next call, which stays. */
  peek(): Call | undefined {
    return this.#calls.peek();
  }

  /** Takes the next call out. */
  shift(): Call | undefined {
    const call = this.#calls.shift();
    if (call !== undefined) call.queuePlace = undefined;
    return call;
  }

  /** Takes all out, the next first. */
  drain(): Call[] {
    const calls = this.#calls.drain();
    for (const call of calls) call.queuePlace = undefined;
    return calls;
  }
}

/** Takes a call out of the queue it is in; one that is in none does no harm. */
export function leaveQueue(call: Call): void {
  call.queuePlace?.remove();
  call.queuePlace = undefined;
}
