/**
 * The root calls that wait for any member that takes them: a lane for those that ask the same of a member, in which the
 * first holds up the others, since they find nothing that it does not find. One that waits for what few members have, a
 * place under its routine's limit, a thread, a connection without a transfer, resources, holds up nobody in another lane;
 * nobody goes past one that asks for room alone. Calls that need resources and may go to one worker only, or are nested,
 * are here as well, since others wait for the same. Whether a call is taken is decided in `placement/placement.ts`.
 */
import { type Amounts, overlap, sameAmounts } from "../../internal/amounts.ts";
import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";
import type { RoutineLimit } from "../members/routine-limits.ts";
import { CallQueue } from "./call-queue.ts";
import { Passed } from "./passed.ts";

/** How many calls in a row go past the one that has waited longest, over all lanes, or over those of the same resources. */
const MOST_OVERTAKINGS = 7;

/** What a call asks of a member beside room. */
export type Wish = Pick<Call, "limit" | "large" | "needsThread"> &
  Partial<Pick<Call, "needs" | "within" | "only" | "nested">>;

/** The calls of one kind, in their order. */
export class Lane extends CallQueue<Call> {
  readonly limit: RoutineLimit | undefined;
  readonly large: boolean;
  readonly needsThread: boolean;
  /** Calls that have been sent since one of this lane has left it. */
  readonly passed: Passed = new Passed();
  readonly needs: Amounts | undefined;
  /** The reservation of which they need that: they wait for nobody else. */
  readonly within: Wish["within"];
  /** The worker that they may go to alone. Only of those that need resources. */
  readonly only: string | undefined;
  readonly nested: boolean;
  /** What its calls have in common beside that; see {@link Lanes.of}. */
  readonly kind: object | undefined;
  /** The member that is kept for its first call, which lacks resources. */
  kept: Member | undefined;
  /** Calls in a row that have taken some of the same resources, and have waited less long. */
  passes = 0;

  constructor({ limit, large, needsThread, needs, within, only, nested }: Wish, kind?: object) {
    super();
    this.kind = kind;
    this.limit = limit;
    this.large = large;
    this.needsThread = needsThread;
    this.needs = needs;
    this.within = within;
    this.only = needs === undefined ? undefined : only;
    this.nested = needs !== undefined && nested === true;
  }

  isFor({ large, needsThread, needs, within, only, nested = false }: Wish, kind?: object): boolean {
    if (this.kind !== kind || this.large !== large || this.needsThread !== needsThread) return false;
    if (this.needs === undefined || needs === undefined) return this.needs === needs;
    const isSame = this.within === within && this.only === only && this.nested === nested;
    return isSame && sameAmounts(this.needs, needs);
  }

  /** Whether its calls and others may take resources from each other. */
  rivals({ needs, within }: Wish): boolean {
    return (
      this.needs !== undefined && needs !== undefined && this.within === within && overlap(this.needs, needs)
    );
  }

  /** Whether enough have gone past it. */
  get due(): boolean {
    return this.passes >= MOST_OVERTAKINGS;
  }
}

/** All lanes. */
export class Lanes {
  /** Those that ask for room alone. */
  readonly plain: Lane = new Lane({ limit: undefined, large: false, needsThread: false });
  /** The others by limit. One that is found empty is forgotten. */
  readonly #others = new Map<RoutineLimit | undefined, Lane[]>();
  /** Calls in a row that went past the one that had waited longest. */
  #overtakings = 0;

  get size(): number {
    let { size } = this.plain;
    if (this.#others.size > 0) for (const lane of this.#listed()) size += lane.size;
    return size;
  }

  /** The call that has waited longest. */
  get oldest(): Call | undefined {
    let oldest = this.plain.oldest();
    for (const lane of this.#listed()) oldest = older(oldest, lane.oldest());
    return oldest;
  }

  /** The lane of a call. @param kind Sets it apart from calls of others that ask the same. */
  of(call: Wish, kind?: object): Lane {
    if (kind === undefined && isPlain(call)) return this.plain;
    let lane = this.#find(call, kind);
    if (lane === undefined) {
      lane = new Lane(call, kind);
      const lanes = this.#others.get(call.limit);
      if (lanes === undefined) this.#others.set(call.limit, [lane]);
      else lanes.push(lane);
    }
    return lane;
  }

  /** Whether calls wait before a new one: of its kind, for the same resources, or for room alone. */
  precede(call: Wish): boolean {
    if (this.plain.size > 0 && call.nested !== true && call.only === undefined) return true;
    if (this.#others.size === 0 || isPlain(call)) return false;
    return (this.#find(call)?.size ?? 0) > 0 || this.#precedeNeeds(call);
  }

  /** Whether calls wait before one of this limit, and these needs, of which no more is known. */
  precedeLimited(limit: RoutineLimit | undefined, needs?: Amounts): boolean {
    if (this.plain.size > 0) return true;
    if (needs !== undefined && this.#precedeNeeds({ limit, needs, large: false, needsThread: false }))
      return true;
    return limit !== undefined && this.#others.get(limit)?.some(({ size }) => size > 0) === true;
  }

  /** The lanes of calls that need resources, of those in which calls wait. */
  needy(): readonly Lane[] {
    return this.#others.size === 0 ? [] : this.#listed().filter(({ needs }) => needs !== undefined);
  }

  /** How many calls wait for each limit that any waits for. */
  limited(): ReadonlyMap<RoutineLimit, number> {
    const counts = new Map<RoutineLimit, number>();
    for (const { limit, size } of this.#listed()) {
      if (limit !== undefined) counts.set(limit, (counts.get(limit) ?? 0) + size);
    }
    return counts;
  }

  /**
   * Offers the calls that are next, each lane's until one has to wait on: the highest priority first, and then the one
   * that has waited longer, except that none is gone past more than 7 times in a row, and none that needs resources by
   * more than 7 calls in a row that need some of the same.
   *
   * @param leaves Told of the next call of a lane. It takes that out and returns true, or returns false if it waits on.
   * @param lacks Told of such a call that needs resources.
   */
  drain(
    leaves: (call: Call, lane: Lane) => boolean,
    lacks: (call: Call, lane: Lane) => void = () => {},
  ): void {
    const { plain } = this;
    if (this.#others.size === 0) {
      for (let call = plain.peek(); call !== undefined && leaves(call, plain); ) call = plain.peek();
      return;
    }
    let lanes = [plain, ...this.#listed()].filter(({ size }) => size > 0).sort(byTurn);
    for (let first = this.#turn(lanes); first !== undefined; first = this.#turn(lanes)) {
      const call = this.#isDue ? first.oldest() : first.peek();
      const overtakes = call !== undefined && isOutranked(lanes, call);
      if (call === undefined || !leaves(call, first)) {
        lanes.shift();
        if (call === undefined) continue;
        if (first.needs !== undefined) lacks(call, first);
        if (first === plain) lanes = lanes.filter(({ nested, only }) => nested || only !== undefined);
        continue;
      }
      this.#overtakings = overtakes ? this.#overtakings + 1 : 0;
      if (first.needs !== undefined && this.#passed(first, call)) {
        lanes = lanes.filter(({ size }) => size > 0).sort(byTurn);
      } else settle(lanes);
    }
  }

  /** A call has been sent. */
  count(): void {
    if (this.plain.size > 0) this.plain.passed.count();
    if (this.#others.size === 0) return;
    for (const lanes of this.#others.values())
      for (const lane of lanes) if (lane.size > 0) lane.passed.count();
  }

  /** Takes all calls out. */
  clear(): Call[] {
    const calls = [this.plain, ...this.#listed()].flatMap((lane) => lane.drain());
    this.#others.clear();
    return calls;
  }

  #precedeNeeds(call: Wish): boolean {
    return call.needs !== undefined && this.needy().some((lane) => lane.rivals(call));
  }

  /** A call has taken resources. Returns whether another lane is due by that. */
  #passed(lane: Lane, call: Call): boolean {
    lane.passes = 0;
    lane.kept = undefined;
    let any = false;
    for (const other of this.needy()) {
      if (other === lane || !other.rivals(lane)) continue;
      const oldest = other.oldest();
      if (oldest === undefined || oldest.arrival > call.arrival) continue;
      other.passes += 1;
      any ||= other.passes === MOST_OVERTAKINGS;
    }
    return any;
  }

  #find(call: Wish, kind?: object): Lane | undefined {
    return this.#others.get(call.limit)?.find((lane) => lane.isFor(call, kind));
  }

  /** The lanes beside the plain one in which calls wait. */
  #listed(): Lane[] {
    const listed: Lane[] = [];
    for (const [limit, lanes] of this.#others) {
      const waiting = lanes.filter(({ size }) => size > 0);
      if (waiting.length === 0) this.#others.delete(limit);
      else {
        if (waiting.length < lanes.length) this.#others.set(limit, waiting);
        listed.push(...waiting);
      }
    }
    return listed;
  }

  /** Whether it is the turn of the one that has waited longest, whatever lane it is in. */
  get #isDue(): boolean {
    return this.#overtakings >= MOST_OVERTAKINGS;
  }

  /** The lane whose turn it is, which becomes the first. */
  #turn(lanes: Lane[]): Lane | undefined {
    if (this.#isDue && lanes.length > 1) {
      let at = 0;
      for (const [index, lane] of lanes.entries()) if (isOlder(lane, lanes[at])) at = index;
      lanes.unshift(...lanes.splice(at, 1));
    }
    return lanes[0];
  }
}

function isPlain({ limit, large, needsThread, needs }: Wish): boolean {
  return limit === undefined && !large && !needsThread && needs === undefined;
}

/** The one that came first. */
export function older(one: Call | undefined, other: Call | undefined): Call | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.arrival < one.arrival ? other : one;
}

function isOlder(lane: Lane, other: Lane | undefined): boolean {
  const oldest = lane.oldest();
  const otherOldest = other?.oldest();
  if (oldest === undefined || otherOldest === undefined) return oldest !== undefined;
  return oldest.arrival < otherOldest.arrival;
}

/** Whether one that has waited longer stays behind a call: the next of another lane, or one that has to wait for that. */
function isOutranked(lanes: readonly Lane[], call: Call): boolean {
  return lanes.some((lane) => (lane.oldest()?.arrival ?? Number.POSITIVE_INFINITY) < call.arrival);
}

/** Which of two lanes is first: one that is due, one of nested calls, or else by their next calls. */
function byTurn(one: Lane, other: Lane): number {
  if (one.due !== other.due) return one.due ? -1 : 1;
  if (one.nested !== other.nested) return one.nested ? -1 : 1;
  const [first, second] = [one.peek(), other.peek()];
  if (first === undefined || second === undefined) return first === second ? 0 : first === undefined ? 1 : -1;
  return second.rank - first.rank || first.arrival - second.arrival;
}

/** Puts the first lane, whose next call is another one now, where it belongs. */
function settle(lanes: Lane[]): void {
  const [first] = lanes;
  if (first === undefined) return;
  if (first.size === 0) {
    lanes.shift();
    return;
  }
  let at = 0;
  for (let next = lanes[1]; next !== undefined && byTurn(first, next) > 0; next = lanes[at + 1]) {
    lanes[at] = next;
    at += 1;
  }
  lanes[at] = first;
}
