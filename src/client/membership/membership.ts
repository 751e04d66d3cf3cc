/**
 * Who is a member of a proxy, who waits for a place, and who was refused or evicted, and why. Every event about a
 * worker, whatever its source, goes through the same rules of admission, and is about a uid: a worker is in at most
 * one of these lists at a time. The lists themselves are `member-list.ts`, `places.ts` and `evicted-workers.ts`.
 */
import type { DiscoveryEvent } from "../../discovery/discovery.ts";
import type { Refusal } from "../../errors/no-workers-available-error.ts";
import type { BackoffPolicy } from "../../internal/time/backoff.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { ConnectOptions } from "../connection/member-connection.ts";
import { probeWorker } from "../connection/probe-worker.ts";
import type { Eviction, Member } from "../members/member.ts";
import type { ReadyMembers } from "../members/ready-members.ts";
import { type AdmissionRules, judgeAdmission } from "./admission.ts";
import { EVICTION_COOL_DOWN, EvictedWorkers } from "./evicted-workers.ts";
import { explainNotChosen } from "./explanation.ts";
import { MemberList, type MemberOrigin } from "./member-list.ts";
import { Places, type PlacesOptions } from "./places.ts";
import { Quorum, type QuorumOptions } from "./quorum.ts";

/** How many workers refused for a rule, and how many uids of own workers are remembered. */
const MAX_REMEMBERED = 1024;

/** Events of a membership, for the proxy it belongs to. */
export interface MembershipEvents {
  ready(member: Member): void;
  /** The connection to a member ended or could not be made; it tries again. */
  unreachable(member: Member, error: Error): void;
}

/** Settings and callbacks of a membership. */
export interface MembershipOptions extends ConnectOptions, QuorumOptions, PlacesOptions {
  readonly rules: AdmissionRules;
  readonly events: MembershipEvents;
  /** How long evicted workers are left alone. Default {@link EVICTION_COOL_DOWN}. */
  readonly coolDown?: BackoffPolicy;
}

/** Workers by uid: the members, and those that may become members. */
export class Membership {
  /** In order of admission. The same array throughout. */
  readonly members: readonly Member[];
  /** Those of them that are connected. */
  readonly ready: ReadyMembers<Member>;
  /**
   * Whether the first call may go out: as many members as the quorum asks for have been ready at a time, and those that
   * were being tried first have been waited for. Once true, it stays so.
   */
  quorumMet: boolean;
  readonly #options: MembershipOptions;
  readonly #list: MemberList;
  readonly #places: Places;
  /** Refused by a rule when they were added: only another addition can make them members. */
  readonly #refused = new Map<string, Refusal>();
  readonly #evicted: EvictedWorkers;
  readonly #quorum: Quorum;
  /**
   * Uids of workers that the pool has spawned, also of those that have gone, and of the worker that keeps itself: news
   * of them from other sources is ignored.
   */
  readonly #own = new Set<string>();
  #closed = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#list = new MemberList(options, {
      ready: (member) => {
        options.events.ready(member);
        this.#changed();
      },
      unreachable: (member, error) => {
        options.events.unreachable(member, error);
        if (!member.own && this.get(member.uid) === member) this.#places.yield(member);
        this.#changed();
      },
      inadmissible: (member, reason, error) => this.evict(member, reason, error.message),
    });
    this.members = this.#list.all;
    this.ready = this.#list.ready;
    this.#places = new Places(options, this.#list, {
      admit: (worker, unreached) => this.#admit(worker, { own: false, unreached }),
      dismiss: (member) => this.#dismiss(member),
    });
    this.#quorum = new Quorum(options, () => this.#changed());
    this.quorumMet = this.#quorum.isMet(this.members);
    this.#evicted = new EvictedWorkers({
      coolDown: options.coolDown ?? EVICTION_COOL_DOWN,
      probe: (worker, signal) => probeWorker(worker, options, signal),
      returned: (worker, own) => {
        if (own) this.#admit(worker, { own });
        else this.#places.return(worker);
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
    return this.#list.get(uid);
  }

  /** Every worker seen, and why a call that found none was not sent to it. */
  whyNone(): readonly Refusal[] {
    const quorum = this.quorumMet ? 0 : this.quorum;
    return [...this.members.map((member) => explainNotChosen(member, quorum)), ...this.refusals()];
  }

  /** Why workers seen are not members, oldest first. */
  refusals(): readonly Refusal[] {
    return [...this.#refused.values(), ...this.#evicted.refusals(), ...this.#places.refusals()];
  }

  /** Takes a worker that the pool has spawned. It has a place of its own. */
  adopt(worker: WorkerMetadata): void {
    if (this.#closed) return;
    this.#forget(worker.uid);
    this.#own.add(worker.uid);
    dropOldest(this.#own);
    const member = this.get(worker.uid);
    if (member !== undefined && !member.own) this.#remove(member);
    if (this.get(worker.uid) === undefined) this.#admit(worker, { own: true });
    this.#places.fill(); // it may have been taken for a found worker: that place is free again
  }

  /** Drops a worker, whether the pool has spawned it or not. */
  release(uid: string, error?: Error): void {
    this.#evicted.forget(uid);
    const member = this.get(uid);
    if (member === undefined) return;
    this.#remove(member, error);
    this.#places.fill();
  }

  /** Has a worker that the pool has spawned take no more calls; it is dropped when those under way on it have ended. */
  retire(uid: string): void {
    this.#evicted.forget(uid);
    const member = this.get(uid);
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
    if (this.get(worker.uid) === undefined) {
      this.#forget(worker.uid);
      this.#admit(worker, { own: true });
    }
    this.get(worker.uid)?.startDraining();
  }

  /** Handles an event of a discovery. */
  observe(event: DiscoveryEvent): void {
    if (this.#closed) return; // the event was on its way
    const { type, worker } = event;
    const { uid } = worker;
    const member = this.get(uid);
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
      const returning = this.#places.isReturning(uid);
      this.#places.forget(uid);
      if (returning) this.#evicted.add(worker, refusal, { own: false, broke: false });
      else this.#refuse(refusal);
    } else if (this.#places.has(uid)) {
      this.#places.refresh(worker);
    } else if (type === "worker-added") {
      this.#refused.delete(uid);
      this.#places.arrive(worker);
    }
    // An update makes nobody a member who has never been one.
  }

  /** A member broke a rule itself. It is asked again after a while. */
  evict(member: Member, reason: Eviction, detail: string): void {
    if (this.get(member.uid) !== member) return;
    this.#evict(member, { uid: member.uid, reason, detail }, { broke: true });
  }

  /** Drops all members. */
  close(): void {
    this.#closed = true;
    this.#quorum.close();
    for (const member of [...this.members].reverse()) this.#remove(member);
    this.#list.endFinishing();
    this.#places.clear();
    this.#evicted.close();
  }

  /** Takes the place of a member and remembers it as evicted. */
  #evict(member: Member, refusal: Refusal, { broke }: { readonly broke: boolean }): void {
    this.#evicted.add(member.metadata, refusal, { own: member.own, broke });
    this.#retire(member);
  }

  #admit(worker: WorkerMetadata, origin: MemberOrigin): void {
    this.#list.add(worker, origin);
    this.#quorum.begin();
    this.#changed();
  }

  /** A worker that is to be called no more gives its place up at once, and may finish what it has begun. */
  #retire(member: Member): void {
    this.#dismiss(member);
    this.#places.fill();
  }

  #dismiss(member: Member): void {
    this.#list.retire(member);
    this.#changed();
  }

  #remove(member: Member, error?: Error): void {
    this.#list.remove(member, error);
    this.#changed();
  }

  /** Calls that wait may find a member now, or have to fail. */
  #changed(): void {
    if (!this.quorumMet && this.#quorum.isMet(this.members)) {
      this.quorumMet = true;
      this.#quorum.close();
    }
    this.ready.waiter?.drain();
  }

  /** A worker that is no member is not remembered any longer. */
  #forget(uid: string): void {
    this.#places.forget(uid);
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
