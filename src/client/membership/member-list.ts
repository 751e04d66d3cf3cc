/**
 * The workers that are members, by uid and in order of admission, and those that are members no more and finish their
 * calls. It connects to the workers that it is given and lets go of those that it is told to; who becomes a member,
 * and who has to leave, is decided in `membership.ts`.
 */
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { ConnectOptions } from "../connection/member-connection.ts";
import { Member, type MemberEvents, type Unreached } from "../members/member.ts";
import { ReadyMembers } from "../members/ready-members.ts";

/** Whose a new member is, and how the last attempt to reach it failed, if there was one. */
export interface MemberOrigin {
  /** Spawned by the pool; else found. */
  readonly own: boolean;
  readonly unreached?: Unreached | undefined;
}

/** Members of one proxy. */
export class MemberList {
  /** In order of admission. The same array throughout. */
  readonly all: Member[] = [];
  /** Those of them that are connected. */
  readonly ready: ReadyMembers<Member> = new ReadyMembers();
  readonly #options: ConnectOptions;
  readonly #events: MemberEvents;
  readonly #byUid = new Map<string, Member>();
  /** Members no more, but with calls under way. */
  readonly #finishing = new Set<Member>();
  #found = 0;

  constructor(options: ConnectOptions, events: MemberEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** How many of the members were found, and not spawned by the pool. */
  get found(): number {
    return this.#found;
  }

  get(uid: string): Member | undefined {
    return this.#byUid.get(uid);
  }

  /** Makes a worker a member, which is connected to from now on. It must not be one. */
  add(worker: WorkerMetadata, { own, unreached }: MemberOrigin): void {
    const place = { own, ready: this.ready, events: this.#events, unreached };
    const member = new Member(worker, place, this.#options);
    this.#byUid.set(worker.uid, member);
    this.all.push(member);
    if (!own) this.#found += 1;
  }

  /** Drops a member, which may finish the calls that it has. */
  retire(member: Member): void {
    for (const other of this.#finishing) if (other.state.kind === "gone") this.#finishing.delete(other);
    this.#drop(member);
    this.#finishing.add(member);
    member.retire();
  }

  /** Drops a member and ends its calls. */
  remove(member: Member, error?: Error): void {
    this.#drop(member);
    member.leave(error);
  }

  /** A found member that has been tried and has never been reached. */
  findUnreached(): Member | undefined {
    return this.all.find(({ own, unreached }) => !own && unreached !== undefined);
  }

  /** Lets go of those that finish their calls. */
  endFinishing(): void {
    for (const member of this.#finishing) member.leave();
    this.#finishing.clear();
  }

  #drop(member: Member): void {
    this.#byUid.delete(member.uid);
    const index = this.all.lastIndexOf(member);
    if (index !== -1) this.all.splice(index, 1);
    if (!member.own) this.#found -= 1;
  }
}
