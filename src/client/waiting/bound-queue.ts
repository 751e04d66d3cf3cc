/**
 * The calls that wait for room on one member in particular, since their balancer insists on it: a queue for
 * each such member, in which the others do not wait. `waiting-calls.ts` decides when a call goes on, and where to.
 */
import { leaveQueue } from "../../internal/queue/priority-queue.ts";
import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";
import { CallQueue } from "./call-queue.ts";
import { older } from "./lanes.ts";
import { Passed } from "./passed.ts";

/** Those that wait for one member. */
class CallsOfOne extends CallQueue<Call> {
  /** Calls that have been sent to the member since one has left. */
  readonly passed: Passed = new Passed();
}

/** Calls by the uid of the member that each waits for. */
export class BoundQueue {
  readonly #queues = new Map<string, CallsOfOne>();
  /** The member that a call waits for. */
  readonly #uids = new WeakMap<Call, string>();

  get size(): number {
    let size = 0;
    for (const queue of this.#queues.values()) size += queue.size;
    return size;
  }

  get empty(): boolean {
    return this.#queues.size === 0;
  }

  /** The call that has waited longest. */
  oldest(): Call | undefined {
    let oldest: Call | undefined;
    for (const queue of this.#queues.values()) oldest = older(oldest, queue.oldest());
    return oldest;
  }

  /** The uids of the members that are waited for. */
  get uids(): readonly string[] {
    return [...this.#queues.keys()];
  }

  /** How many wait for the member with this uid. */
  countFor(uid: string): number {
    return this.#queues.get(uid)?.size ?? 0;
  }

  /** A call has been sent to a member. */
  count({ uid }: Member): void {
    this.#queues.get(uid)?.passed.count();
  }

  add(call: Call, member: Member): void {
    let queue = this.#queues.get(member.uid);
    if (queue === undefined) {
      queue = new CallsOfOne();
      this.#queues.set(member.uid, queue);
    }
    queue.push(call);
    this.#uids.set(call, member.uid);
  }

  /** Takes out a call that waits no longer; one that is not here does no harm. */
  delete(call: Call): void {
    const uid = this.#uids.get(call);
    if (uid === undefined) return;
    leaveQueue(call);
    this.#forget(call, uid);
  }

  /**
   * Takes out the first call for a member, unless it has to wait on.
   *
   * @param member The member now; a call for one that has gone, or takes no more, waits no longer.
   * @returns The call; `undefined` if none goes on.
   */
  next(uid: string, member: Member | undefined): Call | undefined {
    const queue = this.#queues.get(uid);
    const call = queue?.peek();
    if (call !== undefined && member?.ready === true && !member.draining) {
      queue?.passed.tell(call);
      if (!member.hasRoom(call.roomUs, call.large)) return undefined;
    }
    queue?.shift();
    queue?.passed.left();
    if (call !== undefined) this.#forget(call, uid);
    return call;
  }

  /** It has left. A queue that all have left is forgotten: its member may never be waited for again. */
  #forget(call: Call, uid: string): void {
    this.#uids.delete(call);
    if (this.#queues.get(uid)?.size === 0) this.#queues.delete(uid);
  }
}
