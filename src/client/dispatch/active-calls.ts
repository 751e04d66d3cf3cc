/**
 * The calls of one dispatcher that have not been settled for their callers, waiting and sent ones alike:
 * closing ends them, and draining awaits them. A cancelled call is not among them, although its worker may
 * still run it.
 */

import { AwaitableSet } from "../../internal/awaitable-set.ts";
import type { BodyTimeEstimate } from "../../internal/body-time-estimate.ts";
import type { Call } from "../call/call.ts";
import type { CallsUnderWay } from "../call/cancelled-calls.ts";
import type { Member } from "../members/member.ts";

/** Calls not settled. */
export class ActiveCalls extends AwaitableSet<Call> implements CallsUnderWay {
  /** Ends them all. */
  abortAll(makeReason: () => unknown): void {
    for (const call of [...this]) call.abort(makeReason());
  }

  /** Notes for those of one module that an import of it has failed. */
  noteFailedImport(module: string | undefined): void {
    for (const call of this) if (call.definition.module === module) call.noteFailedImport();
  }

  /** Those of one routine count as shorter on their members, if they are now expected to be. */
  shorten(estimate: BodyTimeEstimate): void {
    for (const call of this) if (call.estimate === estimate) call.shorten();
  }

  /** Whether one is known to have the member's thread. */
  occupies(member: Member): boolean {
    for (const call of this) {
      if (call.member === member && call.phase === "running" && call.occupiesThread) return true;
    }
    return false;
  }

  /** The stream of the first that was sent to the member and not heard of; Infinity if there is none. */
  firstWaiting(member: Member): number {
    let first = Number.POSITIVE_INFINITY;
    for (const call of this) {
      if (call.member === member && call.phase === "sent" && call.stream < first) first = call.stream;
    }
    return first;
  }
}
