/**
 * The calls that wait for a member: root calls in one queue, first come, first served; beside it nested calls
 * that found no worker at all, calls that wait for one member in particular, and calls that some worker has
 * refused and that wait for one not asked yet.
 * Nobody waits behind another's gate, and nobody waits for ever for members that are not there. It chooses
 * no members and settles no call: it says when.
 */

import { Fifo } from "../../internal/fifo.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";

/** What waiting needs to know about the members, and what ends it. */
export interface WaitingCallsOptions {
  /** How long calls wait for a member when there is none for them, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether a member is there that takes root calls, now or when it has room. */
  readonly anyTaker: () => boolean;
  /** Whether a member may still come. If not, there is nothing to wait for. */
  readonly memberDue: () => boolean;
  /** Whether a member, or a ready one, is left that has not refused the call and may still take it. */
  readonly untried: (call: Call, among: "all" | "ready") => boolean;
  /** The member with this uid, if it is one. */
  readonly member: (uid: string) => Member | undefined;
  /** Sends the call if some member can take it now, or has it wait for one in particular. False: it goes on waiting. */
  readonly place: (call: Call) => boolean;
  /** Fails a refused call for which no member is left. */
  readonly giveUp: (call: Call) => void;
  /** Fails calls for which no member has come in time. */
  readonly expire: (calls: readonly Call[]) => void;
}

/** Calls that wait. */
export class WaitingCalls {
  readonly #options: WaitingCallsOptions;
  readonly #root = new Fifo<Call>();
  /** Never behind root calls, which may wait for room. */
  readonly #nested = new Fifo<Call>();
  /** Each waits for itself: for a member that has not refused it. */
  readonly #refused = new Fifo<Call>();
  /** By uid of the member that each waits for. */
  readonly #bound = new Map<string, Fifo<Call>>();
  /** When those that are not refused have waited long enough. */
  #expiry: DeadlineEntry | undefined;
  /** When the first of the refused has waited long enough. */
  #refusedCheck: DeadlineEntry | undefined;
  #drainPending = false;

  constructor(options: WaitingCallsOptions) {
    this.#options = options;
  }

  get size(): number {
    let bound = 0;
    for (const queue of this.#bound.values()) bound += queue.size;
    return this.#root.size + this.#nested.size + this.#refused.size + bound;
  }

  /** Whether a new call has to wait behind others. */
  precede(call: Call): boolean {
    return !call.nested && this.#root.size > 0;
  }

  /** Adds a call behind the others. */
  add(call: Call): void {
    call.queue = call.nested ? this.#nested : this.#root;
    call.node = call.queue.push(call);
    this.#expectMembers();
  }

  /** Adds a call that has had its turn before: it is the next. */
  addFirst(call: Call): void {
    call.queue = call.nested ? this.#nested : this.#root;
    call.node = call.queue.unshift(call);
    this.#expectMembers();
    this.#drainSoon();
  }

  /** Adds a call that some member has refused and that another one, without room or connecting, may take. */
  addRefused(call: Call): void {
    const { timeoutMs } = this.#options;
    call.refusedMs = deadlines.now();
    call.queue = this.#refused;
    call.node = call.queue.push(call);
    this.#refusedCheck ??= deadlines.add(call.refusedMs + timeoutMs, () => this.#checkRefused());
  }

  /** Adds a call that waits for room on one member; others go past it. */
  addBound(call: Call, member: Member): void {
    let queue = this.#bound.get(member.uid);
    if (queue === undefined) {
      queue = new Fifo();
      this.#bound.set(member.uid, queue);
    }
    call.queue = queue;
    call.node = queue.push(call);
  }

  /** Takes out a call that has been settled; one that is not here does no harm. */
  withdraw(call: Call): void {
    this.#remove(call);
    if (this.size === 0) this.#stopExpecting();
  }

  /**
   * Places what can be placed: members have changed, or have room again.
   *
   * @param member The only one of which this may be true; absent: any.
   */
  drain(member?: Member): void {
    if (this.#bound.size > 0) {
      if (member === undefined) for (const uid of [...this.#bound.keys()]) this.#drainBound(uid);
      else this.#drainBound(member.uid);
    }
    if (this.#nested.size > 0) this.#drainInOrder(this.#nested);
    if (this.#refused.size > 0) this.#drainRefused();
    if (this.#root.size > 0) this.#drainInOrder(this.#root);
  }

  #remove(call: Call): void {
    if (call.node !== undefined) call.queue?.remove(call.node);
    call.node = undefined;
    call.queue = undefined;
    this.#stopChecking();
  }

  #stopChecking(): void {
    if (this.#refusedCheck === undefined || this.#refused.size > 0) return;
    deadlines.cancel(this.#refusedCheck);
    this.#refusedCheck = undefined;
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
    const queue = this.#bound.get(uid);
    if (queue === undefined) return;
    const { member, place } = this.#options;
    for (let left = queue.size; left > 0; left--) {
      const call = queue.peek();
      if (call === undefined) break;
      const wanted = member(uid);
      if (wanted?.ready === true && !wanted.draining && !wanted.hasRoom(call.estimate.us)) return;
      this.#remove(call);
      if (!call.settled && !place(call)) this.add(call);
    }
    if (queue.size === 0) this.#bound.delete(uid);
  }

  #drainInOrder(queue: Fifo<Call>): void {
    for (let call = queue.peek(); call !== undefined; call = queue.peek()) {
      const { node } = call;
      if (!call.settled && !this.#options.place(call)) break;
      if (node !== undefined) queue.remove(node);
      if (call.node === node) this.#remove(call);
    }
    if (this.size === 0 || this.#options.anyTaker()) this.#stopExpecting();
    else this.#expectMembers();
  }

  /** Each for itself: what one waits for says nothing about the next. */
  #drainRefused(): void {
    const { place, untried, giveUp } = this.#options;
    for (const call of this.#refused) {
      const { node } = call;
      if (call.settled || place(call)) {
        // It may wait elsewhere by now, for one member in particular: that is not to be undone.
        if (node !== undefined) this.#refused.remove(node);
        if (call.node === node) this.#remove(call);
      } else if (!untried(call, "all")) {
        this.#remove(call);
        giveUp(call);
      }
    }
    this.#stopChecking();
  }

  /** Ends the wait of refused calls for members that are not there. One that is, and busy, is waited for. */
  #checkRefused(): void {
    const now = deadlines.now();
    const { timeoutMs, untried, giveUp } = this.#options;
    let nextMs = now + timeoutMs;
    this.#refusedCheck = undefined;
    for (const call of this.#refused) {
      const dueMs = call.refusedMs + timeoutMs;
      if (dueMs > now) {
        nextMs = Math.min(nextMs, dueMs);
        break;
      }
      if (untried(call, "ready")) continue;
      this.#remove(call);
      giveUp(call);
    }
    if (this.#refused.size > 0) this.#refusedCheck = deadlines.add(nextMs, () => this.#checkRefused());
  }

  /** While nobody is there to take calls, they wait, but not for ever. */
  #expectMembers(): void {
    const { timeoutMs, memberDue, anyTaker, expire } = this.#options;
    if (anyTaker()) return;
    const hopeless = !memberDue();
    if (this.#expiry !== undefined && !hopeless) return;
    this.#stopExpecting();
    this.#expiry = deadlines.after(hopeless ? 0 : timeoutMs, () => {
      this.#expiry = undefined;
      if (anyTaker()) return;
      const calls = [...this.#nested.drain(), ...this.#root.drain()];
      for (const call of calls) {
        call.node = undefined;
        call.queue = undefined;
      }
      expire(calls);
    });
  }

  #stopExpecting(): void {
    if (this.#expiry !== undefined) deadlines.cancel(this.#expiry);
    this.#expiry = undefined;
  }
}
