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

/** Calls that are looked at to say how much work there is: of more, these stand for all. */
const MAX_LOOKED_AT = 1_000;

/** How much work there is for the workers that a pool has spawned. */
export interface CallLoad {
  /** Calls that run on these workers, or on none yet. */
  readonly calls: number;
  /** Those of them that are on none yet. */
  readonly waiting: number;
  /** Whether calls run on workers of others. */
  readonly elsewhere: boolean;
  /** How long all of them are expected to take, together, in milliseconds. */
  readonly ms: number;
}

/** Calls not settled. */
export class ActiveCalls extends AwaitableSet<Call> implements CallsUnderWay {
  /** Those whose answers have streams that nobody waits for. */
  get unread(): number {
    let unread = 0;
    for (const call of this) if (call.isUnread) unread += 1;
    return unread;
  }

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

  /**
   * How much work there is, apart from what found workers have.
   *
   * @param held Further calls that have not been made, and of which no more is known.
   * @param timeMs How long a call of a routine takes, if that is known.
   */
  load(held: number, timeMs: (routine: string) => number | undefined): CallLoad {
    let lookedAt = 0;
    let calls = 0;
    let waiting = 0;
    let ms = 0;
    for (const call of this) {
      if (lookedAt === MAX_LOOKED_AT) break;
      lookedAt += 1;
      const { member } = call;
      if (member?.own === false) continue;
      calls += 1;
      if (member === undefined) waiting += 1;
      ms += timeMs(call.definition.id) ?? 0;
    }
    const all = lookedAt === 0 ? 1 : (this.size + held) / lookedAt;
    return {
      calls: Math.round(calls * all),
      waiting: Math.round(waiting * all),
      elsewhere: calls < lookedAt,
      ms: ms * all,
    };
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
