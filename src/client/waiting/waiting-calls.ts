/**
 * The calls that wait for a member: root calls, and those that need resources, in lanes, each of those that ask the same
 * of a member; beside them nested calls that found no worker at all, calls that wait for one member in particular, and
 * calls that some worker has refused and that wait for one not asked yet. No call waits for what only another one needs,
 * and none waits for ever for members that are not there. It chooses no members: it asks the placement again when that may
 * have another answer, and keeps, or fails, the calls that are not sent.
 */
import { NoWorkersAvailableError } from "../../errors/no-workers-available-error.ts";
import { type Amounts, resourcesOf } from "../../internal/amounts.ts";
import { leaveQueue, type PriorityQueue } from "../../internal/queue/priority-queue.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import { warnOnce } from "../../internal/warn-once.ts";
import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";
import type { MemberWaiter } from "../members/ready-members.ts";
import type { LimitedRoutine, WaitingForResources } from "../membership/explanation.ts";
import type { MemberSupply } from "../membership/member-supply.ts";
import { Delegation } from "../placement/delegation.ts";
import type { Members, Placement, Verdict } from "../placement/placement.ts";
import { BoundQueue } from "./bound-queue.ts";
import { CallQueue } from "./call-queue.ts";
import { type Lane, Lanes, older } from "./lanes.ts";
import type { Line, QueueBound } from "./queue-bound.ts";
import { UntriedQueue } from "./untried-queue.ts";

/** Calls that are offered again after a pause. */
export interface PausedCalls {
  readonly size: number;
  /** Offers those again, or the first, which a member takes that has not refused them. */
  look(how: { readonly most: "one" | "few" }): void;
}

/** Parts and settings of a wait. */
export interface WaitingCallsOptions {
  readonly members: Members;
  readonly placement: Pick<Placement, "place" | "untried" | "anyTaker" | "fitting" | "claims">;
  readonly supply: Pick<MemberSupply, "memberDue" | "replacementDue" | "lastStartError">;
  /** How long calls wait for a member when there is none for them, in milliseconds. */
  readonly timeoutMs: number;
  /** How many may wait. Absent: any number. */
  readonly bound?: Pick<QueueBound, "admits" | "maxQueue" | "failAll" | "watched" | "check"> | undefined;
}

const NOTHING: Amounts = new Map();

/** So many calls in one queue, of which nobody has said how many there may be, are told of in a warning. */
const VERY_MANY = 100_000;

/** Calls that wait. */
export class WaitingCalls implements MemberWaiter<Member> {
  /** Those that are offered again after a pause, which ends when a member comes. */
  retries: PausedCalls | undefined;
  readonly #options: WaitingCallsOptions;
  readonly #lanes = new Lanes();
  /** Never behind root calls, which may wait for room. */
  readonly #nested = new CallQueue<Call>();
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
    return this.#lanes.size + this.#nested.size + this.#refused.size + this.#bound.size;
  }

  /** The one that has waited longest. */
  get oldest(): Call | undefined {
    const oldest = older(older(this.#lanes.oldest, this.#nested.oldest()), this.#bound.oldest());
    return older(oldest, this.#refused.oldest);
  }

  /** The routines of which calls wait until fewer of their bodies run. */
  get limited(): readonly LimitedRoutine[] {
    return [...this.#lanes.limited()]
      .filter(([limit]) => this.#isReached(limit))
      .map(([{ routine, most }, waiting]) => ({
        routine,
        limit: Number.isFinite(most) ? most : undefined,
        waiting,
      }));
  }

  /** The calls that wait for resources. */
  get forResources(): readonly WaitingForResources[] {
    return this.#lanes.needy().map(({ needs, size, kept }) => ({
      needs: resourcesOf(needs ?? NOTHING),
      waiting: size,
      ...(kept !== undefined && { kept: kept.uid }),
    }));
  }

  /** Whether a new call has to wait behind others. To be asked only while somebody waits for members. */
  precede(call: Call): boolean {
    if (call.needs !== undefined) return call.waitsForResources && this.#lanes.precede(call);
    return !call.nested && call.only === undefined && this.#lanes.precede(call);
  }

  /** Whether calls wait before one that has not been made. */
  inLine(line: Line): boolean {
    if (typeof line === "string") return this.#bound.countFor(line) > 0;
    if (line !== undefined && "needs" in line) return this.#lanes.precedeLimited(line.limit, line.needs);
    return this.#lanes.precedeLimited(line);
  }

  /** Treats a call that is in no queue according to the verdict of its placement. */
  keep(call: Call, verdict: Verdict): void {
    if (verdict === "sent") return;
    if (verdict instanceof Delegation) this.#keepLater(call, verdict);
    else if (verdict === "none") this.#giveUp(call);
    else if (!this.#mayWait(call)) return;
    else if (verdict === "wait") {
      if (call.refusals?.stand === true) this.#keepRefused(call);
      else this.#enqueue(call);
    } else {
      this.watchMembers();
      this.#bound.add(call, verdict);
    }
  }

  /** Adds a call behind the others, if it may wait. Nobody has been asked to take it. */
  add(call: Call): void {
    if (!this.#mayWait(call)) return;
    const queue = this.#enqueue(call);
    if (queue.peek() === call) this.#drainSoon(); // there may be room for the next one that there was not for the last
  }

  /** Adds a call that has had its turn before: it goes back to its place. */
  restore(call: Call): void {
    if (call.refusals?.stand === true) this.#keepRefused(call);
    else {
      this.watchMembers();
      call.waits();
      this.#queueOf(call).push(call);
      this.#expectMembers();
    }
    this.#drainSoon();
  }

  /** A call has been sent to a member while others wait. */
  passed(member: Member): void {
    this.#lanes.count();
    if (!this.#bound.empty) this.#bound.count(member);
    if (this.#refused.size > 0) this.#refused.count();
  }

  /** Places a call that is in no queue and has had its turn before; if nobody takes it, it goes back to its place. */
  offer(call: Call): void {
    const verdict = this.#options.placement.place(call);
    if (verdict === "wait") this.restore(call);
    else this.keep(call, verdict);
  }

  /** Takes out a call that has been settled; one that is not here does no harm. */
  withdraw(call: Call): void {
    this.#bound.delete(call);
    leaveQueue(call);
    this.#refused.delete(call);
    if (this.size === 0) this.#stopExpecting();
    else this.#drainSoon(); // the next one may ask for less
  }

  /**
   * Places what can be placed: members have changed, or have room again.
   *
   * @param member The only one of which this may be true; absent: any.
   */
  drain(member?: Member): void {
    const { ready } = this.#options.members;
    if (ready.waiter === undefined) return;
    this.#options.placement.claims.clear();
    if (!this.#bound.empty) {
      if (member === undefined) for (const uid of this.#bound.uids) this.#drainBound(uid);
      else this.#drainBound(member.uid);
    }
    if (this.#nested.size > 0) this.#drainNested();
    if (this.#refused.size > 0) this.#drainRefused();
    const { retries } = this;
    if (retries !== undefined && retries.size > 0)
      retries.look({ most: member === undefined ? "few" : "one" });
    if (this.#lanes.size > 0) this.#drainLanes();
    this.#review();
    const { bound } = this.#options;
    if (bound?.watched === true) bound.check(); // a call may have left its lane without being sent
    if (this.size === 0 && (retries?.size ?? 0) === 0) ready.waiter = undefined;
  }

  /**
   * Keeps a call that some member has refused and that another one, without room, connecting or on its way, may take.
   * It never waits among those that anybody may take: it would hold them up.
   */
  #keepRefused(call: Call): void {
    if (!this.#refused.mayWait(call)) return this.#refused.giveUp(call);
    this.watchMembers();
    this.#refused.add(call);
  }

  /** Fails a call for which nobody is named any more, unless it waits for a worker that is on its way. */
  #giveUp(call: Call): void {
    if (this.#refused.addUnnamed(call)) this.watchMembers();
    else this.#refused.giveUp(call);
  }

  /** Whether a call finds a place among those that wait. If it does not, others see to it. */
  #mayWait(call: Call): boolean {
    const { bound } = this.#options;
    if (bound !== undefined && !bound.admits(call)) return false;
    call.waits();
    return true;
  }

  #enqueue(call: Call): PriorityQueue<Call> {
    this.watchMembers();
    const queue = this.#queueOf(call);
    queue.push(call);
    if (queue.size === VERY_MANY) this.#warnOfMany();
    this.#expectMembers();
    return queue;
  }

  #queueOf(call: Call): PriorityQueue<Call> {
    const isOfLanes = !call.nested || (call.needs !== undefined && call.waitsForResources);
    return isOfLanes ? this.#lanes.of(call) : this.#nested;
  }

  /** Whether a member there is has as many calls of a routine as it may. */
  #isReached(limit: NonNullable<Lane["limit"]>): boolean {
    return this.#options.members.ready.view.some((member) => !limit.hasRoom(member));
  }

  #warnOfMany(): void {
    if (this.#options.bound?.maxQueue !== undefined) return;
    warnOnce(
      "MERINO_LONG_QUEUE",
      `${VERY_MANY} calls wait in a pool, and each keeps its arguments in memory. Make fewer at a time, for example with pool.map(), or give the pool a 'maxQueue'`,
    );
  }

  #drainLanes(): void {
    const { placement } = this.#options;
    this.#lanes.drain(
      (call, lane) => this.#leavesLane(call, lane),
      (call, lane) => {
        if (lane.needs === undefined || lane.within !== undefined) return;
        const members = placement.fitting(call);
        lane.kept = placement.claims.keep({ needs: lane.needs, members, before: lane.kept });
      },
    );
  }

  #keepLater(call: Call, delegation: Delegation): void {
    void delegation.finished.then(() => {
      if (call.settled) return;
      const { outcome } = delegation;
      this.keep(call, outcome === "again" ? this.#options.placement.place(call) : outcome);
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

  #drainNested(): void {
    const nested = this.#nested;
    for (let call = nested.peek(); call !== undefined && this.#leaves(call, nested); ) call = nested.peek();
  }

  #leavesLane(call: Call, lane: Lane): boolean {
    lane.passed.tell(call);
    const leaves = this.#leaves(call, lane);
    if (leaves) lane.passed.left();
    return leaves;
  }

  /** Takes the next call of a queue out, unless it waits on there. */
  #leaves(call: Call, queue: PriorityQueue<Call>): boolean {
    const verdict = call.settled ? "sent" : this.#options.placement.place(call);
    // Nobody there ever has what it needs: it waits for others.
    const isRefused = call.needs !== undefined && call.refusals?.stand === true;
    if (verdict === "wait" && !isRefused) return false;
    queue.take(call);
    this.keep(call, verdict);
    return true;
  }

  /** Those that wait for whoever comes wait for as long as they may. */
  #review(): void {
    const waiting = this.#lanes.size + this.#nested.size;
    if (waiting === 0 || this.#options.placement.anyTaker) this.#stopExpecting();
    else this.#expectMembers();
  }

  #drainRefused(): void {
    const { placement } = this.#options;
    this.#refused.drain((call, lane) => {
      this.#refused.tell(call);
      const verdict = call.settled ? "sent" : placement.place(call);
      if (verdict === "wait") return false;
      lane.take(call);
      this.#refused.delete(call);
      this.keep(call, verdict);
      return true;
    });
  }

  /** Somebody waits: has itself told of members that come, or have room again. Until then nobody asks for it. */
  watchMembers(): void {
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
    this.#options.placement.claims.clear();
    for (const call of [...this.#nested.drain(), ...this.#lanes.clear()]) call.fail(makeError());
    this.#options.bound?.failAll(makeError);
  }
}
