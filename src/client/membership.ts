/**
 * The members of a proxy: who is held, who is remembered, who was refused and why. Every event about a
 * worker, whatever its source, goes through the one admission gate.
 */
import type { DiscoveryEvent } from "../discovery/discovery.ts";
import type { Refusal } from "../errors/no-workers-available-error.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { type AdmissionRules, judgeAdmission } from "./admission.ts";
import { Member, type MemberOptions } from "./member.ts";

/** How many workers refused for capacity, or for a rule, are remembered. */
const MAX_REMEMBERED = 1024;

/** What a membership is made of. */
export interface MembershipOptions extends MemberOptions {
  readonly rules: AdmissionRules;
  /** Most members, own ones included; `undefined` for no limit. */
  readonly capacity: number | undefined;
  /** Members that the pool spawns itself: strangers never take their places. */
  readonly reserved: number;
  readonly changed: () => void;
}

/** Holds workers by uid. */
export class Membership {
  /** In order of admission. The same array throughout. */
  readonly members: Member[] = [];
  readonly #options: MembershipOptions;
  readonly #byUid = new Map<string, Member>();
  /** Refused for capacity only, oldest first: they get a freed place before any newcomer. */
  readonly #waiting = new Map<string, WorkerMetadata>();
  readonly #refused = new Map<string, Refusal>();
  /** Members no more, but with calls under way. */
  readonly #retired = new Set<Member>();
  #strangers = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.members.length;
  }

  get(uid: string): Member | undefined {
    return this.#byUid.get(uid);
  }

  /** Why workers seen are not members, oldest first. */
  refusals(): readonly Refusal[] {
    const capacity = this.#options.capacity ?? 0;
    const waiting = [...this.#waiting.keys()].map(
      (uid): Refusal => ({
        uid,
        reason: "capacity",
        detail: `all ${Math.max(0, capacity - this.#options.reserved)} places for discovered workers are taken`,
      }),
    );
    return [...this.#refused.values(), ...waiting];
  }

  /** Takes a worker that the pool has spawned. It has a place of its own. */
  adopt(worker: WorkerMetadata): void {
    this.#waiting.delete(worker.uid);
    this.#refused.delete(worker.uid);
    const held = this.#byUid.get(worker.uid);
    if (held !== undefined && !held.own) this.#remove(held);
    if (!this.#byUid.has(worker.uid)) this.#admit(worker, true);
  }

  /** Lets a worker go, whoever it is. */
  release(uid: string, error?: Error): void {
    const member = this.#byUid.get(uid);
    if (member === undefined) return;
    this.#remove(member, error);
    this.#fill();
  }

  /** Takes what a discovery reports. */
  observe(event: DiscoveryEvent): void {
    const { worker } = event;
    const held = this.#byUid.get(worker.uid);
    // Own workers are known from their ready message; discovery merely echoes them.
    if (held?.own === true) return;
    if (event.type === "worker-dropped") {
      this.#waiting.delete(worker.uid);
      this.#refused.delete(worker.uid);
      if (held !== undefined) this.#retire(held);
      return;
    }
    const refusal = judgeAdmission(worker, this.#options.rules);
    if (refusal !== undefined) {
      this.#waiting.delete(worker.uid);
      this.#refuse(refusal);
      if (held !== undefined) this.release(worker.uid);
      return;
    }
    if (held !== undefined) {
      held.update(worker); // past the cap: it has its place already
      this.#options.changed();
      return;
    }
    if (event.type === "worker-updated") {
      // Never admitted: only its remembered record is refreshed.
      if (this.#waiting.has(worker.uid)) this.#waiting.set(worker.uid, worker);
      else if (!this.#refused.has(worker.uid)) return;
      else this.#arrive(worker); // refused by a rule before, and no longer
      return;
    }
    this.#arrive(worker);
  }

  /** A member broke a rule that no retry mends. */
  evict(member: Member, reason: "version" | "codec", detail: string): void {
    this.#refuse({ uid: member.uid, reason, detail });
    this.release(member.uid);
  }

  /** Lets everybody go. */
  close(): void {
    for (const member of [...this.members]) this.#remove(member);
    for (const member of this.#retired) member.leave();
    this.#retired.clear();
    this.#waiting.clear();
  }

  #arrive(worker: WorkerMetadata): void {
    this.#refused.delete(worker.uid);
    if (this.#hasPlace()) {
      this.#admit(worker, false);
      return;
    }
    if (this.#waiting.size < MAX_REMEMBERED) this.#waiting.set(worker.uid, worker);
  }

  #hasPlace(): boolean {
    const { capacity, reserved } = this.#options;
    return capacity === undefined || this.#strangers < capacity - reserved;
  }

  #fill(): void {
    for (const [uid, worker] of this.#waiting) {
      if (!this.#hasPlace()) return;
      this.#waiting.delete(uid);
      this.#admit(worker, false);
    }
  }

  #admit(worker: WorkerMetadata, own: boolean): void {
    const member = new Member(worker, { ...this.#options, own });
    this.#byUid.set(worker.uid, member);
    this.members.push(member);
    if (!own) this.#strangers += 1;
    this.#options.changed();
  }

  /** A worker that has been retracted gives its place up at once, and may finish what it has begun. */
  #retire(member: Member): void {
    for (const retired of this.#retired) if (retired.state.kind === "gone") this.#retired.delete(retired);
    this.#detach(member);
    this.#retired.add(member);
    member.retire();
    this.#options.changed();
    this.#fill();
  }

  #remove(member: Member, error?: Error): void {
    this.#detach(member);
    member.leave(error);
    this.#options.changed();
  }

  #detach(member: Member): void {
    this.#byUid.delete(member.uid);
    const index = this.members.indexOf(member);
    if (index !== -1) this.members.splice(index, 1);
    if (!member.own) this.#strangers -= 1;
  }

  #refuse(refusal: Refusal): void {
    if (this.#refused.size >= MAX_REMEMBERED && !this.#refused.has(refusal.uid)) {
      const oldest = this.#refused.keys().next();
      if (oldest.done !== true) this.#refused.delete(oldest.value);
    }
    this.#refused.set(refusal.uid, refusal);
  }
}
