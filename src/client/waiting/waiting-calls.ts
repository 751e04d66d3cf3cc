/**
 * The calls that wait for a member: root calls in one queue, by priority and then first come, first served; beside it
 * large calls that wait until the arguments of others have been sent, calls of routines of which as many run as may,
 * nested calls that found no worker at all, calls that wait for one member in particular, and calls that some worker has
 * refused and that wait for one not asked yet. No call waits for what only another one needs, and none waits for ever
 * for members that are not there. It chooses no members: it asks the placement again when that may have another
 * answer, and keeps, or fails, the calls that are not sent.
 */
import { NoWorkersAvailableError } from "../../errors/no-workers-available-error.ts";
import { leaveQueue, PriorityQueue } from "../../internal/queue/priority-queue.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import { warnOnce } from "../../internal/warn-once.ts";
import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";
import type { MemberWaiter } from "../members/ready-members.ts";
import type { RoutineLimit } from "../members/routine-limits.ts";
import type { LimitedRoutine } from "../membership/explanation.ts";
import type { MemberSupply } from "../membership/member-supply.ts";
import { Delegation } from "../placement/delegation.ts";
import type { Members, Placement, Verdict } from "../placement/placement.ts";
import { BoundQueue } from "./bound-queue.ts";
import { LimitedQueue } from "./limited-queue.ts";
import type { QueueBound } from "./queue-bound.ts";
import { UntriedQueue } from "./untried-queue.ts";

/** Parts and settings of a wait. */
export interface WaitingCallsOptions {
  readonly members: Members;
  readonly placement: Pick<Placement, "place" | "untried" | "anyTaker">;
  readonly supply: Pick<MemberSupply, "memberDue" | "replacementDue" | "lastStartError">;
  /** How long calls wait for a member when there is none for them, in milliseconds. */
  readonly timeoutMs: number;
  /** How many may wait. Absent: any number. */
  readonly bound?: Pick<QueueBound, "admits" | "maxQueue" | "failAll"> | undefined;
}

/** So many calls in one queue, of which nobody has said how many there may be, are told of in a warning. */
const VERY_MANY = 100_000;

/** Calls that wait. */
export class WaitingCalls implements MemberWaiter<Member> {
  readonly #options: WaitingCallsOptions;
  readonly #root = new PriorityQueue<Call>();
  /** Never behind root calls, which may wait for room. */
  readonly #nested = new PriorityQueue<Call>();
  /** Large calls that wait for the transfers of others. Small ones do not, and go past them. */
  readonly #large = new PriorityQueue<Call>();
  readonly #limited = new LimitedQueue();
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
    const inQueues = this.#root.size + this.#large.size + this.#nested.size + this.#limited.size;
    return inQueues + this.#refused.size + this.#bound.size;
  }

  /** The one that has waited longest. */
  get oldest(): Call | undefined {
    let oldest: Call | undefined;
    const queues = [this.#root, this.#large, this.#nested, ...[...this.#limited].map(([, queue]) => queue)];
    for (const call of [
      ...queues.map((queue) => queue.oldest()),
      ...this.#bound.oldest(),
      ...this.#refused,
    ]) {
      if (call !== undefined && (oldest === undefined || call.waitsSinceMs < oldest.waitsSinceMs))
        oldest = call;
    }
    return oldest;
  }

  /** Whether calls wait for room that any of them may take. */
  get inLine(): boolean {
    return this.#root.size > 0;
  }

  /** The routines of which calls wait until fewer of their bodies run. */
  get limited(): readonly LimitedRoutine[] {
    return this.#limited.explain();
  }

  /** Whether a new call has to wait behind others. To be asked only while there is somebody who waits for members. */
  precede(call: Call): boolean {
    if (call.nested) return false;
    if (call.limit !== undefined && this.#limited.has(call.limit)) return true;
    return this.#root.size > 0 || (this.#large.size > 0 && call.large);
  }

  /** Treats a call that is in no queue according to the verdict of its placement. */
  keep(call: Call, verdict: Verdict): void {
    if (verdict === "sent") return;
    if (verdict instanceof Delegation) this.#keepLater(call, verdict);
    else if (verdict === "none") this.#giveUp(call);
    else if (!this.#mayWait(call)) return;
    else if (verdict === "wait") {
      if (call.refusals?.stand === true) this.#keepRefused(call);
      else this.add(call);
    } else {
      this.#watchMembers();
      this.#bound.add(call, verdict);
    }
  }

  /** Adds a call behind the others, if it may wait. */
  add(call: Call): void {
    if (!this.#mayWait(call)) return;
    this.#watchMembers();
    const queue = this.#queueOf(call);
    queue.push(call);
    if (queue.size === VERY_MANY) this.#warnOfMany();
    if (call.priority > 0) this.#drainSoon(); // there may be room for the next one that there was not for the last
    this.#expectMembers();
  }

  /** Adds a call that has had its turn before: it is the next. */
  addFirst(call: Call): void {
    if (call.refusals?.stand === true) this.#keepRefused(call);
    else {
      this.#watchMembers();
      call.waits();
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
    if (this.#limited.any) this.#drainLimited();
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

  /** Whether a call finds a place among those that wait. If it does not, others see to it. */
  #mayWait(call: Call): boolean {
    const { bound } = this.#options;
    if (bound !== undefined && !bound.admits(call)) return false;
    call.waits();
    return true;
  }

  #queueOf(call: Call): PriorityQueue<Call> {
    if (call.nested) return this.#nested;
    if (call.limit !== undefined && this.#isReached(call.limit)) return this.#limited.of(call.limit);
    return call.large && this.#transfersUnderWay() ? this.#large : this.#root;
  }

  /** Whether every member there is has as many calls of a routine as it may. */
  #isReached(limit: RoutineLimit): boolean {
    const { view } = this.#options.members.ready;
    return view.length > 0 && !view.some((member) => !member.draining && limit.hasRoom(member));
  }

  #warnOfMany(): void {
    if (this.#options.bound?.maxQueue !== undefined) return;
    warnOnce(
      "MERINO_LONG_QUEUE",
      `${VERY_MANY} calls wait in a pool, and each keeps its arguments in memory. Make fewer at a time, for example with pool.map(), or give the pool a 'maxQueue'`,
    );
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

  /** Those that were let past meanwhile have had their turn in the one queue before, as the large ones. */
  #drainLimited(): void {
    for (const [limit, queue] of this.#limited) if (!this.#isReached(limit)) this.#drainInOrder(queue);
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

  #drainInOrder(queue: PriorityQueue<Call>): void {
    for (let call = queue.peek(); call !== undefined; call = queue.peek()) {
      const verdict = call.settled ? "sent" : this.#options.placement.place(call);
      if (verdict === "wait") {
        const other = queue === this.#root ? this.#queueOf(call) : queue;
        if (other === queue) break;
        queue.take(call);
        other.push(call);
        continue;
      }
      queue.take(call);
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
    const makeError = (): Error =>
      new NoWorkersAvailableError(reasons, { ...(cause === undefined ? {} : { cause }) });
    const queues = [this.#nested, this.#large, this.#limited, this.#root];
    for (const call of queues.flatMap((queue) => queue.drain())) call.fail(makeError());
    this.#options.bound?.failAll(makeError);
  }
}
