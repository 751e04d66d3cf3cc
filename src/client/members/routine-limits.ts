/**
 * How many calls of one routine its workers run at a time, as far as that is limited: what the routine says itself, and
 * what is learned from workers that refuse. It counts our own calls, so that none is sent where it would be refused. A
 * worker that refuses all the same, since it runs those of others, is sent no more than run there; after a pause that
 * grows it is tried with one more.
 */
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import type { Amounts } from "../../internal/amounts.ts";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";

/** The longest pause before a worker is tried again, in milliseconds. */
const MAX_PAUSE_MS = 250;
/** The shortest, whatever the worker asks for. */
const MIN_PAUSE_MS = 5;

/** One worker, as a limit sees it. */
interface LimitedMember {
  /** Our calls on it. */
  running: number;
  /** How many it runs at a time, ours and those of others. */
  most: number;
  /** How many of ours may be there now. */
  allowed: number;
  /** Refusals since it has last accepted one. */
  refusals: number;
  reopening: DeadlineEntry | undefined;
}

/** The limit of one routine. */
export class RoutineLimit {
  /** Identity of the routine. */
  readonly routine: string;
  /** On each worker, as the routine says here; Infinity if it says nothing. */
  readonly most: number;
  /** By member. */
  readonly #members = new WeakMap<object, LimitedMember>();
  readonly #queue: DeadlineQueue;

  constructor(routine: string, most: number, queue: DeadlineQueue = deadlines) {
    this.routine = routine;
    this.most = most;
    this.#queue = queue;
  }

  /** Whether one more may be sent there, as far as is known. */
  hasRoom(member: object): boolean {
    const known = this.#members.get(member);
    return known === undefined || known.running < known.allowed;
  }

  /** A call has been sent there. */
  took(member: object): void {
    this.#of(member).running += 1;
  }

  /** A call that was sent there is over, or was refused. */
  left(member: object): void {
    this.#of(member).running -= 1;
  }

  /** The worker has accepted a call: it may have room for one more than are there. */
  accepted(member: object): void {
    const known = this.#of(member);
    known.refusals = 0;
    known.allowed = Math.max(known.allowed, Math.min(known.most, known.running + 1));
  }

  /**
   * The worker has refused a call for the limit.
   *
   * @param most Its limit.
   * @param pauseMs When it wants to be asked again, in milliseconds.
   * @param reopened Told when it may be.
   */
  refused(member: object, most: number, pauseMs: number, reopened: () => void): void {
    const known = this.#of(member);
    known.most = Math.max(1, most);
    known.allowed = Math.min(known.running, known.most);
    const waitMs = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, pauseMs) * 2 ** known.refusals);
    known.refusals = Math.min(known.refusals + 1, 16);
    if (known.reopening !== undefined) return;
    known.reopening = this.#queue.after(waitMs, () => {
      known.reopening = undefined;
      known.allowed = Math.max(known.allowed, Math.min(known.most, known.running + 1));
      reopened();
    });
  }

  #of(member: object): LimitedMember {
    let known = this.#members.get(member);
    if (known === undefined) {
      known = { running: 0, most: this.most, allowed: this.most, refusals: 0, reopening: undefined };
      this.#members.set(member, known);
    }
    return known;
  }
}

/** The limits of the routines that one dispatcher calls. */
export class RoutineLimits {
  readonly #learned = new WeakMap<RoutineDefinition, RoutineLimit>();
  /** What workers have said that routines need, of which it was not known here. */
  readonly #needs = new WeakMap<RoutineDefinition, Amounts>();
  /** Whether any routine has one that has been learned of or used. Every call asks this. */
  any = false;

  /** The limit of a routine, always the same object; absent if it is not known to have one. */
  of(definition: RoutineDefinition): RoutineLimit | undefined {
    if (definition.limit === undefined) return this.any ? this.#learned.get(definition) : undefined;
    return this.#limitOf(definition);
  }

  /** A worker has refused a call of a routine for the limit that it has there. */
  learn(definition: RoutineDefinition): RoutineLimit {
    return this.#limitOf(definition);
  }

  /** What a routine needs of a worker's resources, as a worker has said; absent: nothing that is known of. */
  needsOf(definition: RoutineDefinition): Amounts | undefined {
    return this.#needs.get(definition);
  }

  /** A worker has refused a call of a routine that needs so much there. */
  learnNeeds(definition: RoutineDefinition, needs: Amounts): void {
    if (definition.needs !== undefined) return;
    this.#needs.set(definition, needs);
    this.any = true;
  }

  #limitOf(definition: RoutineDefinition): RoutineLimit {
    let limit = this.#learned.get(definition);
    if (limit === undefined) {
      limit = new RoutineLimit(definition.id, definition.limit ?? Number.POSITIVE_INFINITY);
      this.#learned.set(definition, limit);
      this.any = true;
    }
    return limit;
  }
}
