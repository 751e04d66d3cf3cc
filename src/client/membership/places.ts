/**
 * The places for workers that were found: how many there are, who gets one, who has to give up theirs, and who waits for
 * one. A pool's own workers have places of their own, which are not counted here. Whether a worker may be a member at
 * all has been judged before (`admission.ts`).
 */
import type { Refusal } from "../../errors/no-workers-available-error.ts";
import { warn } from "../../internal/warn.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { Member, Unreached } from "../members/member.ts";
import type { MemberList } from "./member-list.ts";
import { MAX_WAITING, RememberedWorkers } from "./remembered-workers.ts";

/** How many places there are, and for whom first. */
export interface PlacesOptions {
  /** The largest number of members, own ones included; `undefined` for no limit. */
  readonly capacity: number | undefined;
  /** How many places are kept for workers that the pool starts; workers that were found never take these. */
  readonly reserved: number;
  /**
   * Workers that others give way to: in a proxy that travelled with a task, those that its pool has spawned.
   * Default: nobody.
   */
  readonly preferred?: (worker: WorkerMetadata) => boolean;
}

/** What the places decide, for whoever carries it out. */
export interface PlaceChanges {
  /** The worker becomes a member. */
  admit(worker: WorkerMetadata, unreached?: Unreached): void;
  /** The member is one no more, and may finish its calls. */
  dismiss(member: Member): void;
}

/** Places of one membership. */
export class Places {
  readonly #options: PlacesOptions;
  readonly #list: MemberList;
  readonly #changes: PlaceChanges;
  /** Those without a place: they get a freed one before any newcomer. */
  readonly #waiting = new RememberedWorkers();
  #crowdTold = false;

  constructor(options: PlacesOptions, list: MemberList, changes: PlaceChanges) {
    this.#options = options;
    this.#list = list;
    this.#changes = changes;
  }

  /** Whether a worker waits for a place. */
  has(uid: string): boolean {
    return this.#waiting.has(uid);
  }

  /** Whether it waits, and has been a member. */
  isReturning(uid: string): boolean {
    return this.#waiting.isReturning(uid);
  }

  /** Why those that wait have no place, oldest first. */
  refusals(): readonly Refusal[] {
    const { capacity = 0, reserved } = this.#options;
    return this.#waiting.refusals(Math.max(0, capacity - reserved));
  }

  /** A worker that has not been a member gets a place, or waits for one behind all others. */
  arrive(worker: WorkerMetadata): void {
    if (this.#isFree() || this.#makeWay(worker)) this.#changes.admit(worker);
    else if (!this.#waiting.addLast(worker)) this.#warnOfCrowd();
  }

  /** A worker that has been a member gets a place, or waits for one before newcomers. */
  return(worker: WorkerMetadata): void {
    if (this.#isFree() || this.#makeWay(worker)) this.#changes.admit(worker);
    else this.#waiting.addReturning(worker);
  }

  /** The record of a worker that waits has changed: it may have moved to where it can be reached. */
  refresh(worker: WorkerMetadata): void {
    this.#waiting.refresh(worker);
    const stuck = this.#list.findUnreached();
    const next = stuck === undefined ? undefined : this.#waiting.takeUntried();
    if (stuck === undefined || next === undefined) return;
    this.#sendBack(stuck);
    this.#changes.admit(next.worker);
  }

  /** A found member was not reached: its place goes to somebody who waits, if that one is as likely to be or likelier. */
  yield(member: Member): void {
    const { unreached } = member;
    const next = unreached === undefined ? undefined : this.#waiting.takeInstead(unreached);
    if (next === undefined) return;
    this.#sendBack(member);
    this.#changes.admit(next.worker, next.unreached);
  }

  /** Gives free places to those that wait. */
  fill(): void {
    while (this.#isFree()) {
      const next = this.#waiting.take();
      if (next === undefined) return;
      this.#changes.admit(next.worker, next.unreached);
    }
  }

  /** A worker waits no longer. One that did not does no harm. */
  forget(uid: string): void {
    this.#waiting.delete(uid);
  }

  /** Nobody waits any longer. */
  clear(): void {
    this.#waiting.clear();
  }

  #isFree(): boolean {
    const { capacity, reserved } = this.#options;
    return capacity === undefined || this.#list.found < capacity - reserved;
  }

  /**
   * Makes place for a worker that has not been tried: a member that was not reached gives its own or, if the worker is
   * a preferred one, the youngest member that is not, which gets the next.
   */
  #makeWay(worker: WorkerMetadata): boolean {
    const { preferred = () => false } = this.#options;
    const stuck = this.#list.findUnreached();
    if (stuck !== undefined) {
      this.#sendBack(stuck);
      return true;
    }
    if (!preferred(worker)) return false;
    const youngest = this.#list.all.findLast(({ own, metadata }) => !own && !preferred(metadata));
    if (youngest === undefined) return false;
    this.#waiting.addReturning(youngest.metadata);
    this.#changes.dismiss(youngest);
    return true;
  }

  /** Said once: whoever comes from here on comes too late, too. */
  #warnOfCrowd(): void {
    if (this.#crowdTold) return;
    this.#crowdTold = true;
    warn(
      "MERINO_DISCOVERY",
      `A pool knows ${MAX_WAITING} workers that wait for one of its places, and remembers no more: further ones are not used, also if a place gets free. Raise its lease, or have workers that it is not to use announced elsewhere, in another namespace for instance`,
    );
  }

  /** A member that was not reached becomes the last of those that wait. */
  #sendBack(member: Member): void {
    this.#waiting.addLast(member.metadata, member.unreached);
    this.#changes.dismiss(member);
  }
}
