/**
 * The ready members in the order in which they became ready, and an index of them by load, so that choosing
 * one of a thousand costs about as much as choosing one of two. It decides nothing, balancers do: its index
 * answers what the default balancer asks, and has to follow when that changes its rule. The list is
 * replaced, never changed, so whoever has one may go through it in several turns; the index is of the newest.
 */
import type { CandidateIndex } from "../../balancer/balancer.ts";
import type { Amounts } from "../../internal/amounts.ts";
import type { MemberResources } from "./member-resources.ts";
import type { RoutineLimit } from "./routine-limits.ts";
import { AHEAD_US } from "./work-ahead.ts";

/** With up to this many members, a walk through the list is quicker than keeping an index. */
const FEW = 16;
/** Calls in flight from which on members share one level of the index. */
const TOP_LEVEL = 127;
/** Expected times are taken in eight steps to the octave: an estimate drifts, and a step does not. */
const STEP_BITS = 3;

/** The call for which room is asked. */
export interface PlacedCall {
  readonly nested: boolean;
  /** How long its body is expected to have the worker's thread, in microseconds; unknown if absent. */
  readonly estimate: { readonly us: number | undefined };
  /** With how much work it asks for room, in microseconds; unknown if absent. */
  readonly roomUs: number | undefined;
  /** Whether its arguments go in chunks: it then needs room for these as well. Absent: they do not. */
  readonly large?: boolean;
  /** The limit of its routine, which whoever places it heeds. Absent: it has none. */
  readonly limit?: RoutineLimit | undefined;
  /** What it needs of resources, which whoever places it heeds. Absent: nothing. */
  readonly needs?: Amounts | undefined;
  /** What is reserved for it. Absent: nothing is. */
  readonly within?: { readonly resources: MemberResources } | undefined;
}

/** The part of a member that this list uses. Only the list writes `place` and `level`. */
export interface ReadyMember {
  readonly uid: string;
  readonly inFlight: number;
  /** Index in the list; −1 outside it. */
  place: number;
  /** Level of the index that it is on. */
  level: number;
  /**
   * Whether a root call whose body is expected to have the thread this long may be sent now. If there is room for a
   * longer call, there is room for a shorter one; if there is room for a large one, there is for a small one.
   *
   * @param large Whether the arguments go in chunks. Default: they do not.
   */
  hasRoom(expectedUs: number | undefined, large?: boolean): boolean;
}

/** Whoever waits for members to come, or to have room again. */
export interface MemberWaiter<M> {
  /**
   * Looks again.
   *
   * @param member The only one that has changed; absent: any may have.
   */
  drain(member?: M): void;
}

const NO_CALL: PlacedCall = { nested: false, estimate: { us: undefined }, roomUs: undefined };

/** The members that calls can be sent to. */
export class ReadyMembers<M extends ReadyMember> implements CandidateIndex {
  /** In the order in which they became ready. */
  view: readonly M[] = [];
  /** Told by the members, and by those who admit them, that there may be room again. Absent while nobody waits. */
  waiter: MemberWaiter<M> | undefined;
  #call: PlacedCall = NO_CALL;
  /** The expected time of the call in hand, rounded up to a step, in microseconds; Infinity for unknown. */
  #expectedUs = Number.POSITIVE_INFINITY;
  #indexed = false;
  #words = 0;
  /** By number of calls in flight: how many members have it, and a bit for each of these. */
  #counts: number[] = [];
  #levels: Array<Uint32Array | undefined> = [];
  /** A bit for each member found without room for calls that take `#closedForUs` or longer. */
  #closed = new Uint32Array(0);
  #closedCount = 0;
  #closedForUs = 0;

  /** This object, while its index is quicker than a walk through the list; else undefined. */
  get index(): CandidateIndex | undefined {
    return this.#indexed ? this : undefined;
  }

  /** The member has become ready. */
  join(member: M): void {
    if (member.place !== -1) return;
    member.place = this.view.length;
    this.view = [...this.view, member];
    if (!this.#indexed || this.view.length > this.#words * 32) this.#rebuild();
    else this.#enter(member);
  }

  /** The member is ready no longer. */
  leave(member: M): void {
    if (member.place === -1) return;
    member.place = -1;
    this.view = this.view.filter((other) => other !== member);
    for (const [place, other] of this.view.entries()) other.place = place;
    this.#rebuild();
  }

  /** From here on room is asked for this call. */
  placing(call: PlacedCall): void {
    this.#call = call;
    if (!this.#indexed || call.nested) return;
    this.#expectedUs = stepUp(call.roomUs);
    if (this.#expectedUs < this.#closedForUs) this.#reopen();
  }

  /** Whether the call in hand may be sent to the member now. */
  hasRoom(member: M): boolean {
    const { nested, roomUs, large } = this.#call;
    return member.place !== -1 && (nested || member.hasRoom(roomUs, large));
  }

  /** The member has one call in flight more, or one fewer. */
  moved(member: M): void {
    if (!this.#indexed || member.place === -1) return;
    const level = Math.min(member.inFlight, TOP_LEVEL);
    if (level === member.level) return;
    this.#exit(member);
    this.#enter(member);
  }

  /** The member may have room again. */
  eased(member: M): void {
    if (this.#closedCount === 0 || member.place === -1) return;
    const word = member.place >>> 5;
    const bit = 1 << (member.place & 31);
    const bits = this.#closed[word] ?? 0;
    if ((bits & bit) === 0) return;
    this.#closed[word] = bits & ~bit;
    this.#closedCount -= 1;
  }

  leastBusy(start: number): number {
    for (let level = 0; level < this.#counts.length; level++) {
      if (!this.#call.nested && this.#closedCount === this.view.length) return -1;
      const members = this.#levels[level];
      if (members === undefined || this.#counts[level] === 0) continue;
      const index = level === TOP_LEVEL ? this.#leastOfTop(members, start) : this.#first(members, start);
      if (index !== -1) return index;
    }
    return -1;
  }

  next(start: number): number {
    if (!this.#call.nested && this.#closedCount === this.view.length) return -1;
    return this.#first(undefined, start);
  }

  indexOf(uid: string): number {
    return this.view.findIndex((member) => member.uid === uid);
  }

  /**
   * The first member of a level, or of all, that has room, from `start` on, wrapping at the end. Closes those that
   * have none.
   */
  #first(level: Uint32Array | undefined, start: number): number {
    const count = this.view.length;
    const from = start < count ? start : 0;
    const index = this.#firstWithin(level, from, count);
    return index === -1 && from > 0 ? this.#firstWithin(level, 0, from) : index;
  }

  #firstWithin(level: Uint32Array | undefined, from: number, to: number): number {
    const { nested, large } = this.#call;
    for (let word = from >>> 5; word * 32 < to; word++) {
      let bits = level === undefined ? -1 : (level[word] ?? 0);
      if (!nested) bits &= ~(this.#closed[word] ?? 0);
      if (word === from >>> 5) bits &= -1 << (from & 31);
      for (; bits !== 0; bits &= bits - 1) {
        const index = word * 32 + 31 - Math.clz32(bits & -bits);
        if (index >= to) break;
        const member = this.view[index];
        if (member === undefined || nested || member.hasRoom(this.#expectedUs, large)) return index;
        if (large !== true) this.#close(index); // small ones may still find room there
      }
    }
    return -1;
  }

  /** As `#first`, among members whose numbers of calls differ. */
  #leastOfTop(level: Uint32Array, start: number): number {
    let best = -1;
    let fewest = Number.POSITIVE_INFINITY;
    const seen = new Set<number>();
    for (let index = this.#first(level, start); index !== -1 && !seen.has(index); ) {
      seen.add(index);
      const inFlight = this.view[index]?.inFlight ?? Number.POSITIVE_INFINITY;
      if (inFlight < fewest) {
        best = index;
        fewest = inFlight;
      }
      index = this.#first(level, index + 1);
    }
    return best;
  }

  #close(index: number): void {
    const word = index >>> 5;
    this.#closed[word] = (this.#closed[word] ?? 0) | (1 << (index & 31));
    this.#closedCount += 1;
    this.#closedForUs = Math.max(this.#closedForUs, this.#expectedUs);
  }

  #reopen(): void {
    this.#closed.fill(0);
    this.#closedCount = 0;
    this.#closedForUs = 0;
  }

  #enter(member: M): void {
    const level = Math.min(member.inFlight, TOP_LEVEL);
    member.level = level;
    while (this.#counts.length <= level) this.#counts.push(0);
    let members = this.#levels[level];
    if (members === undefined) {
      members = new Uint32Array(this.#words);
      this.#levels[level] = members;
    }
    const word = member.place >>> 5;
    members[word] = (members[word] ?? 0) | (1 << (member.place & 31));
    this.#counts[level] = (this.#counts[level] ?? 0) + 1;
  }

  #exit(member: M): void {
    const members = this.#levels[member.level];
    if (members === undefined) return;
    const word = member.place >>> 5;
    members[word] = (members[word] ?? 0) & ~(1 << (member.place & 31));
    this.#counts[member.level] = (this.#counts[member.level] ?? 0) - 1;
  }

  #rebuild(): void {
    this.#indexed = this.view.length > FEW;
    this.#words = this.#indexed ? Math.ceil(this.view.length / 16) : 0; // twice what is needed: room to grow
    this.#counts = [];
    this.#levels = [];
    this.#closed = new Uint32Array(this.#words);
    this.#closedCount = 0;
    this.#closedForUs = 0;
    if (this.#indexed) for (const member of this.view) this.#enter(member);
  }
}

/** The next step at or above an expected time. */
function stepUp(expectedUs: number | undefined): number {
  // A call longer than all the work sent ahead goes to a worker that does nothing else.
  if (expectedUs === undefined || expectedUs > AHEAD_US) return Number.POSITIVE_INFINITY;
  const whole = Math.ceil(expectedUs);
  const shift = 31 - Math.clz32(whole) - STEP_BITS;
  if (shift <= 0) return whole;
  return Math.ceil(whole / 2 ** shift) * 2 ** shift;
}
