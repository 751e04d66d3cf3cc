/**
 * The members of a proxy: who is one, who is remembered, and who was refused or evicted, and why. Every event
 * about a worker, whatever its source, goes through the same rules of admission, and is about a uid: a worker is
 * in at most one of these places at a time.
 */
import type { DiscoveryEvent } from "../../discovery/discovery.ts";
import type { Refusal } from "../../errors/no-workers-available-error.ts";
import type { BackoffPolicy } from "../../internal/time/backoff.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { ConnectOptions } from "../connection/member-connection.ts";
import { probeWorker } from "../connection/probe-worker.ts";
import { type Eviction, Member, type MemberEvents, type Unreached } from "../members/member.ts";
import { ReadyMembers } from "../members/ready-members.ts";
import { type AdmissionRules, judgeAdmission } from "./admission.ts";
import { EVICTION_COOL_DOWN, EvictedWorkers } from "./evicted-workers.ts";
import { explainNotChosen } from "./explanation.ts";
import { Quorum, type QuorumOptions } from "./quorum.ts";
import { RememberedWorkers } from "./remembered-workers.ts";

/** How many workers refused for a rule, and how many uids of own workers are remembered. */
const MAX_REMEMBERED = 1024;

/** Events of a membership, for the proxy it belongs to. */
export interface MembershipEvents {
  ready(member: Member): void;
  /** The connection to a member ended or could not be made; it tries again. */
  unreachable(member: Member, error: Error): void;
}

/** Settings and callbacks of a membership. */
export interface MembershipOptions extends ConnectOptions, QuorumOptions {
  readonly rules: AdmissionRules;
  /** The largest number of members, own ones included; `undefined` for no limit. */
  readonly capacity: number | undefined;
  /** How many places are kept for workers that the pool starts; workers that were found never take these. */
  readonly reserved: number;
  readonly events: MembershipEvents;
  /**
   * Workers that others give way to: in a proxy that travelled with a task, those that its pool has spawned.
   * Default: nobody.
   */
  readonly preferred?: (worker: WorkerMetadata) => boolean;
  /** How long evicted workers are left alone. Default {@link EVICTION_COOL_DOWN}. */
  readonly coolDown?: BackoffPolicy;
}

/** Workers by uid: the members, and those that may become members. */
export class Membership {
  /** In order of admission. The same array throughout. */
  readonly members: Member[] = [];
  /** Those of them that are connected. */
  readonly ready: ReadyMembers<Member> = new ReadyMembers();
  /**
   * Whether the first call may go out: as many members as the quorum asks for have been ready at a time, and those that
   * were being tried first have been waited for. Once true, it stays so.
   */
  quorumMet: boolean;
  readonly #options: MembershipOptions;
  readonly #byUid = new Map<string, Member>();
  /** Without a place: they get a freed one before any newcomer. */
  readonly #remembered = new RememberedWorkers();
  /** Refused by a rule when they were added: only another addition can make them members. */
  readonly #refused = new Map<string, Refusal>();
  readonly #evicted: EvictedWorkers;
  readonly #quorum: Quorum;
  /**
   * Uids of workers that the pool has spawned, also of those that have gone, and of the worker that keeps itself: news
   * of them from other sources is ignored.
   */
  readonly #own = new Set<string>();
  /** Members no more, but with calls under way. */
  readonly #retired = new Set<Member>();
  readonly #memberEvents: MemberEvents = {
    ready: (member) => {
      this.#options.events.ready(member);
      this.#changed();
    },
    unreachable: (member, error) => {
      this.#options.events.unreachable(member, error);
      this.#yieldPlace(member);
      this.#changed();
    },
    inadmissible: (member, reason, error) => this.evict(member, reason, error.message),
  };
  #strangers = 0;
  #closed = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#quorum = new Quorum(options, () => this.#changed());
    this.quorumMet = this.#quorum.isMet(this.members, 0);
    this.#evicted = new EvictedWorkers({
      coolDown: options.coolDown ?? EVICTION_COOL_DOWN,
      probe: (worker, signal) => probeWorker(worker, options, signal),
      returned: (worker, own) => {
        if (own) this.#admit(worker, true);
        else this.#returns(worker);
      },
    });
  }

  /** Members that must be ready before the first call goes out. */
  get quorum(): number {
    return this.#options.quorum;
  }

  /** Whether there are members enough for the first call, now or once they are ready. */
  get enough(): boolean {
    return this.size > 0 && (this.quorumMet || this.size >= this.quorum);
  }

  get size(): number {
    return this.members.length;
  }

  get(uid: string): Member | undefined {
    return this.#byUid.get(uid);
  }

  /** Every worker seen, and why a call that found none was not sent to it. */
  whyNone(): readonly Refusal[] {
    const quorum = this.quorumMet ? 0 : this.quorum;
    return [...this.members.map((member) => explainNotChosen(member, quorum)), ...this.refusals()];
  }

  /** Why workers seen are not members, oldest first. */
  refusals(): readonly Refusal[] {
    const { capacity = 0, reserved } = this.#options;
    const waiting = this.#remembered.refusals(Math.max(0, capacity - reserved));
    return [...this.#refused.values(), ...this.#evicted.refusals(), ...waiting];
  }

  /** Takes a worker that the pool has spawned. It has a place of its own. */
  adopt(worker: WorkerMetadata): void {
    if (this.#closed) return;
    this.#forget(worker.uid);
    this.#own.add(worker.uid);
    dropOldest(this.#own);
    const member = this.#byUid.get(worker.uid);
    if (member !== undefined && !member.own) this.#remove(member);
    if (!this.#byUid.has(worker.uid)) this.#admit(worker, true);
    this.#fill(); // it may have been taken for a found worker: that place is free again
  }

  /** Drops a worker, whether the pool has spawned it or not. */
  release(uid: string, error?: Error): void {
    this.#evicted.forget(uid);
    const member = this.#byUid.get(uid);
    if (member === undefined) return;
    this.#remove(member, error);
    this.#fill();
  }

  /** Has a worker that the pool has spawned take no more calls; it is dropped when those under way on it have ended. */
  retire(uid: string): void {
    this.#evicted.forget(uid);
    const member = this.#byUid.get(uid);
    if (member !== undefined) this.#retire(member);
  }

  /**
   * Keeps a worker that takes no more root calls, whatever its discovery says of it from now on, or takes it if it is no
   * member: for nested calls that nobody else takes. It needs no free place.
   */
  retain(worker: WorkerMetadata): void {
    if (this.#closed) return;
    this.#own.add(worker.uid);
    dropOldest(this.#own);
    if (!this.#byUid.has(worker.uid)) {
      this.#forget(worker.uid);
      this.#admit(worker, true);
    }
    this.#byUid.get(worker.uid)?.startDraining();
  }

  /** Handles an event of a discovery. */
  observe(event: DiscoveryEvent): void {
    if (this.#closed) return; // the event was on its way
    const { type, worker } = event;
    const { uid } = worker;
    const member = this.#byUid.get(uid);
    // Own workers are known from their ready message; discovery only repeats them.
    if (this.#own.has(uid) || member?.own === true) return;
    if (type === "worker-dropped") {
      this.#forget(uid);
      if (member !== undefined) this.#retire(member);
      return;
    }
    const refusal = judgeAdmission(worker, this.#options.rules);
    if (member !== undefined) {
      if (refusal === undefined) {
        member.update(worker); // past the cap: it has its place already
        this.#changed();
      } else {
        member.takeRecord(worker);
        this.#evict(member, refusal, { broke: false });
      }
    } else if (this.#evicted.has(uid)) {
      this.#evicted.judge(worker, refusal);
    } else if (refusal !== undefined) {
      const returning = this.#remembered.isReturning(uid);
      this.#remembered.delete(uid);
      if (returning) this.#evicted.add(worker, refusal, { own: false, broke: false });
      else this.#refuse(refusal);
    } else if (this.#remembered.has(uid)) {
      this.#remembered.refresh(worker);
      this.#offerPlace(); // it may have moved to where it can be reached
    } else if (type === "worker-added") {
      this.#arrive(worker);
    }
    // An update makes nobody a member who has never been one.
  }

  /** A member broke a rule itself. It is asked again after a while. */
  evict(member: Member, reason: Eviction, detail: string): void {
    if (this.#byUid.get(member.uid) !== member) return;
    this.#evict(member, { uid: member.uid, reason, detail }, { broke: true });
  }

  /** Drops all members. */
  close(): void {
    this.#closed = true;
    this.#quorum.close();
    for (const member of [...this.members].reverse()) this.#remove(member);
    for (const member of this.#retired) member.leave();
    this.#retired.clear();
    this.#remembered.clear();
    this.#evicted.close();
  }

  /** Takes the place of a member and remembers it as evicted. */
  #evict(member: Member, refusal: Refusal, { broke }: { readonly broke: boolean }): void {
    this.#evicted.add(member.metadata, refusal, { own: member.own, broke });
    this.#retire(member);
  }

  #arrive(worker: WorkerMetadata): void {
    this.#refused.delete(worker.uid);
    if (this.#hasPlace() || this.#makesWay(worker)) this.#admit(worker, false);
    else this.#remembered.addLast(worker);
  }

  /**
   * Makes place for a worker that has not been tried: a member that was not reached gives its own or, if the worker is
   * a preferred one, the youngest member that is not, which gets the next.
   */
  #makesWay(worker: WorkerMetadata): boolean {
    const { preferred = () => false } = this.#options;
    const stuck = this.#stuck();
    if (stuck !== undefined) {
      this.#sendBack(stuck);
      return true;
    }
    if (!preferred(worker)) return false;
    const youngest = this.members.findLast(({ own, metadata }) => !own && !preferred(metadata));
    if (youngest === undefined) return false;
    this.#remembered.addReturning(youngest.metadata);
    this.#dismiss(youngest);
    return true;
  }

  /** A worker that has been a member, and may be one again. */
  #returns(worker: WorkerMetadata): void {
    if (this.#hasPlace() || this.#makesWay(worker)) this.#admit(worker, false);
    else this.#remembered.addReturning(worker);
  }

  /** A found member that has been tried and has never been reached. */
  #stuck(): Member | undefined {
    return this.members.find(({ own, unreached }) => !own && unreached !== undefined);
  }

  /** The place of a member that was not reached goes to somebody remembered, if that is as good or better. */
  #yieldPlace(member: Member): void {
    const { unreached, own } = member;
    if (own || unreached === undefined || this.#byUid.get(member.uid) !== member) return;
    const next = this.#remembered.takeInstead(unreached);
    if (next === undefined) return;
    this.#sendBack(member);
    this.#admit(next.worker, false, next.unreached);
  }

  /** Somebody remembered may be worth another try. */
  #offerPlace(): void {
    const stuck = this.#stuck();
    const next = stuck === undefined ? undefined : this.#remembered.takeUntried();
    if (stuck === undefined || next === undefined) return;
    this.#sendBack(stuck);
    this.#admit(next.worker, false);
  }

  /** A member that was not reached becomes the last of those remembered. */
  #sendBack(member: Member): void {
    this.#remembered.addLast(member.metadata, member.unreached);
    this.#dismiss(member);
  }

  #hasPlace(): boolean {
    const { capacity, reserved } = this.#options;
    return capacity === undefined || this.#strangers < capacity - reserved;
  }

  /** Gives free places to those remembered. */
  #fill(): void {
    while (this.#hasPlace()) {
      const next = this.#remembered.take();
      if (next === undefined) return;
      this.#admit(next.worker, false, next.unreached);
    }
  }

  #admit(worker: WorkerMetadata, own: boolean, unreached?: Unreached): void {
    const place = { own, ready: this.ready, events: this.#memberEvents, unreached };
    const member = new Member(worker, place, this.#options);
    this.#byUid.set(worker.uid, member);
    this.members.push(member);
    this.#quorum.begin();
    if (!own) this.#strangers += 1;
    this.#changed();
  }

  /** A worker that is to be called no more gives its place up at once, and may finish what it has begun. */
  #retire(member: Member): void {
    this.#dismiss(member);
    this.#fill();
  }

  #dismiss(member: Member): void {
    for (const retired of this.#retired) if (retired.state.kind === "gone") this.#retired.delete(retired);
    this.#detach(member);
    this.#retired.add(member);
    member.retire();
    this.#changed();
  }

  #remove(member: Member, error?: Error): void {
    this.#detach(member);
    member.leave(error);
    this.#changed();
  }

  #detach(member: Member): void {
    this.#byUid.delete(member.uid);
    const index = this.members.lastIndexOf(member);
    if (index !== -1) this.members.splice(index, 1);
    if (!member.own) this.#strangers -= 1;
  }

  /** Calls that wait may find a member now, or have to fail. */
  #changed(): void {
    if (!this.quorumMet && this.#quorum.isMet(this.members, this.ready.view.length)) {
      this.quorumMet = true;
      this.#quorum.close();
    }
    this.ready.waiter?.drain();
  }

  /** A worker that is no member is not remembered any longer. */
  #forget(uid: string): void {
    this.#remembered.delete(uid);
    this.#refused.delete(uid);
    this.#evicted.forget(uid);
  }

  #refuse(refusal: Refusal): void {
    this.#refused.set(refusal.uid, refusal);
    dropOldest(this.#refused);
  }
}

/** Bounds the memory: peers may announce any number of workers. */
function dropOldest(remembered: Map<string, unknown> | Set<string>): void {
  if (remembered.size <= MAX_REMEMBERED) return;
  const oldest = remembered.keys().next();
  if (oldest.done !== true) remembered.delete(oldest.value);
}
