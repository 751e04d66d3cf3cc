/**
 * The calls that wait for a member: root calls in one queue, first come, first served; beside it large calls that
 * wait until the arguments of others have been sent, nested calls
 * that found no worker at all, calls that wait for one member in particular, and calls that some worker has
 * refused and that wait for one not asked yet. No call waits for what only another one needs, and none waits for ever
 * for members that are not there. It chooses no members: it asks the placement again when that may have another
 * answer, and keeps, or fails, the calls that are not sent.
 */
import { NoWorkersAvailableError } from "../../errors/no-workers-available-error.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";
import type { MemberWaiter } from "../members/ready-members.ts";
import type { MemberSupply } from "../membership/member-supply.ts";
import { Delegation } from "../placement/delegation.ts";
import type { Members, Placement, Verdict } from "../placement/placement.ts";
import { BoundQueue } from "./bound-queue.ts";
import { CallQueue, leaveQueue } from "./call-queue.ts";
import { UntriedQueue } from "./untried-queue.ts";

/** Parts and settings of a wait. */
export interface WaitingCallsOptions {
  readonly members: Members;
  readonly placement: Pick<Placement, "place" | "untried" | "anyTaker">;
  readonly supply: Pick<MemberSupply, "memberDue" | "replacementDue" | "lastStartError">;
  /** How long calls wait for a member when there is none for them, in milliseconds. */
  readonly timeoutMs: number;
}

/** Calls that wait. */
export class WaitingCalls implements MemberWaiter<Member> {
  readonly #options: WaitingCallsOptions;
  readonly #root = new CallQueue();
  /** Never behind root calls, which may wait for room. */
  readonly #nested = new CallQueue();
  /** Large calls that wait for the transfers of others. Small ones do not, and go past them. */
  readonly #large = new CallQueue();
  readonly #bound = new BoundQueue();
  readonly #refused: UntriedQueue;
  /** When those that are neither bound nor refused have waited long enough. */
  #expiry: DeadlineEntry | undefined;
  #drainPending = false;

  constructor(options: WaitingCallsOptions) {
    this.#options = options;
    this.#refused = new UntriedQueue(options);
  }

  get size(): number {
    return this.#root.size + this.#large.size + this.#nested.size + this.#refused.size + this.#bound.size;
  }

  /** Whether a new call has to wait behind others. To be asked only while there is somebody who waits for members. */
  precede(call: Call): boolean {
    if (call.nested) return false;
    return this.#root.size > 0 || (this.#large.size > 0 && call.large);
  }

  /** Treats a call that is in no queue according to the verdict of its placement. */
  keep(call: Call, verdict: Verdict): void {
    if (verdict === "sent") return;
    if (verdict === "wait") {
      if (call.refusals?.stand === true) this.#keepRefused(call);
      else this.add(call);
    } else if (verdict === "none") this.#giveUp(call);
    else if (verdict instanceof Delegation) this.#keepLater(call, verdict);
    else {
      this.#watchMembers();
      this.#bound.add(call, verdict);
    }
  }

  /** Adds a call behind the others. */
  add(call: Call): void {
    this.#watchMembers();
    this.#queueOf(call).push(call);
    this.#expectMembers();
  }

  /** Adds a call that has had its turn before: it is the next. */
  addFirst(call: Call): void {
    if (call.refusals?.stand === true) this.#keepRefused(call);
    else {
      this.#watchMembers();
      this.#queueOf(call).unshift(call);
      this.#expectMembers();
    }
    this.#drainSoon();
  }

  /** Places a call that is in no queue and has had its turn before; if nobody takes it, it is the next. */
  offer(call: Call): void {
    const verdict = this.#options.placement.place(call);
    if (verdict === "wait") this.addFirst(call);
    else this.keep(call, verdict);
  }

  /** Takes out a call that has been settled; one that is not here does no harm. */
  withdraw(call: Call): void {
    leaveQueue(call);
    this.#refused.delete(call);
    if (this.size === 0) this.#stopExpecting();
  }

  /**
   * Places what can be placed: members have changed, or have room again.
   *
   * @param member The only one of which this may be true; absent: any.
   */
  drain(member?: Member): void {
    const { ready } = this.#options.members;
    if (ready.waiter === undefined) return;
    if (!this.#bound.empty) {
      if (member === undefined) for (const uid of this.#bound.uids) this.#drainBound(uid);
      else this.#drainBound(member.uid);
    }
    if (this.#nested.size > 0) this.#drainInOrder(this.#nested);
    if (this.#refused.size > 0) this.#drainRefused();
    if (this.#large.size > 0) this.#drainLarge();
    if (this.#root.size > 0) this.#drainInOrder(this.#root);
    if (this.size === 0) ready.waiter = undefined;
  }

  /**
   * Keeps a call that some member has refused and that another one, without room, connecting or on its way, may take.
   * It never waits among those that anybody may take: it would hold them up.
   */
  #keepRefused(call: Call): void {
    if (!this.#refused.mayWait(call)) return this.#refused.giveUp(call);
    this.#watchMembers();
    this.#refused.add(call);
  }

  /** Fails a call for which nobody is named any more, unless it waits for a worker that is on its way. */
  #giveUp(call: Call): void {
    if (this.#refused.addUnnamed(call)) this.#watchMembers();
    else this.#refused.giveUp(call);
  }

  #queueOf(call: Call): CallQueue {
    if (call.nested) return this.#nested;
    return call.large && this.#transfersUnderWay() ? this.#large : this.#root;
  }

  #transfersUnderWay(): boolean {
    return this.#options.members.ready.view.some(({ transferCount }) => transferCount > 0);
  }

  /**
   * Once no transfer is under way, what the calls wait for is what all wait for: they are the next, before those
   * that have gone past them.
   */
  #drainLarge(): void {
    this.#drainInOrder(this.#large);
    if (this.#large.size === 0 || this.#transfersUnderWay()) return;
    for (const call of [...this.#large.drain()].reverse()) this.#root.unshift(call);
  }

  #keepLater(call: Call, delegation: Delegation): void {
    void delegation.finished.then(() => {
      if (!call.settled) this.keep(call, delegation.outcome);
    });
  }

  #drainSoon(): void {
    if (this.#drainPending) return;
    this.#drainPending = true;
    queueMicrotask(() => {
      this.#drainPending = false;
      this.drain();
    });
  }

  /** A member that is there and has no room is waited for. Without it, each call finds another. */
  #drainBound(uid: string): void {
    const { members, placement } = this.#options;
    for (let left = this.#bound.countFor(uid); left > 0; left--) {
      const call = this.#bound.next(uid, members.get(uid));
      if (call === undefined) return;
      if (!call.settled) this.keep(call, placement.place(call));
    }
  }

  #drainInOrder(queue: CallQueue): void {
    for (let call = queue.peek(); call !== undefined; call = queue.peek()) {
      const verdict = call.settled ? "sent" : this.#options.placement.place(call);
      if (verdict === "wait") {
        if (queue !== this.#root || this.#queueOf(call) === queue) break;
        leaveQueue(call);
        this.#large.push(call);
        continue;
      }
      leaveQueue(call);
      this.keep(call, verdict);
    }
    if (this.size === 0 || this.#options.placement.anyTaker) this.#stopExpecting();
    else this.#expectMembers();
  }

  /** Looks at each call: whether one finds room says nothing about the next. */
  #drainRefused(): void {
    const { placement } = this.#options;
    for (const call of this.#refused) {
      const verdict = call.settled ? "sent" : placement.place(call);
      if (verdict !== "wait") {
        this.#refused.delete(call);
        this.keep(call, verdict);
      } else this.#refused.review(call);
    }
  }

  /** Somebody waits: has itself told of members that come, or have room again. Until then nobody asks for it. */
  #watchMembers(): void {
    this.#options.members.ready.waiter = this;
  }

  /** While nobody is there to take calls, they wait, but not for ever. */
  #expectMembers(): void {
    const { placement, supply, timeoutMs } = this.#options;
    if (placement.anyTaker) return;
    const hopeless = !supply.memberDue;
    if (this.#expiry !== undefined && !hopeless) return;
    this.#stopExpecting();
    this.#expiry = deadlines.after(hopeless ? 0 : timeoutMs, () => {
      this.#expiry = undefined;
      if (!placement.anyTaker) this.#expire();
    });
  }

  #stopExpecting(): void {
    if (this.#expiry !== undefined) deadlines.cancel(this.#expiry);
    this.#expiry = undefined;
  }

  /** No member has come in time. */
  #expire(): void {
    const { members, supply } = this.#options;
    const cause = supply.lastStartError;
    const reasons = members.whyNone();
    for (const call of [...this.#nested.drain(), ...this.#large.drain(), ...this.#root.drain()]) {
      call.fail(new NoWorkersAvailableError(reasons, { ...(cause === undefined ? {} : { cause }) }));
    }
  }
}
