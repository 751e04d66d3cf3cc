/**
 * The root calls that wait for any member that takes them: a lane for those that ask the same of a member, in which the
 * first holds up the others, since they find nothing that it does not find. One that waits for what few members have, a
 * place under its routine's limit, a thread, a connection without a transfer, holds up nobody in another lane; nobody
 * goes past one that asks for room alone. Whether a call is taken is decided in `placement/placement.ts`.
 */
import { PriorityQueue } from "../../internal/queue/priority-queue.ts";
import type { Call } from "../call/call.ts";
import type { RoutineLimit } from "../members/routine-limits.ts";
import { Passed } from "./passed.ts";

/** How many calls in a row go past the one that has waited longest, over all lanes. */
const MOST_OVERTAKINGS = 7;

/** What a call asks of a member beside room. */
export type Needs = Pick<Call, "limit" | "large" | "needsThread">;

/** The calls of one kind, in their order. */
export class Lane extends PriorityQueue<Call> {
  readonly limit: RoutineLimit | undefined;
  readonly large: boolean;
  readonly needsThread: boolean;
  /** Calls that have been sent since one of this lane has left it. */
  readonly passed: Passed = new Passed();

  constructor({ limit, large, needsThread }: Needs) {
    super();
    this.limit = limit;
    this.large = large;
    this.needsThread = needsThread;
  }

  isFor({ large, needsThread }: Needs): boolean {
    return this.large === large && this.needsThread === needsThread;
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

  /** The lane of a call. */
  of(call: Needs): Lane {
    if (isPlain(call)) return this.plain;
    let lane = this.#find(call);
    if (lane === undefined) {
      lane = new Lane(call);
      const lanes = this.#others.get(call.limit);
      if (lanes === undefined) this.#others.set(call.limit, [lane]);
      else lanes.push(lane);
    }
    return lane;
  }

  /** Whether calls wait before a new one: of its kind, or for room alone. */
  precede(call: Needs): boolean {
    if (this.plain.size > 0) return true;
    return this.#others.size > 0 && !isPlain(call) && (this.#find(call)?.size ?? 0) > 0;
  }

  /** Whether calls wait before one of this limit of which no more is known. */
  precedeLimited(limit: RoutineLimit | undefined): boolean {
    if (this.plain.size > 0) return true;
    return limit !== undefined && this.#others.get(limit)?.some(({ size }) => size > 0) === true;
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
   * that has waited longer, except that none is gone past more than 7 times in a row.
   *
   * @param leaves Told of the next call of a lane. It takes that out and returns true, or returns false if it waits on.
   */
  drain(leaves: (call: Call, lane: Lane) => boolean): void {
    const { plain } = this;
    if (this.#others.size === 0) {
      for (let call = plain.peek(); call !== undefined && leaves(call, plain); ) call = plain.peek();
      return;
    }
    const lanes = [plain, ...this.#listed()].filter(({ size }) => size > 0).sort(byTurn);
    for (let first = this.#turn(lanes); first !== undefined; first = this.#turn(lanes)) {
      const call = this.#isDue ? first.oldest() : first.peek();
      const overtakes = call !== undefined && isOutranked(lanes, call);
      if (call === undefined || !leaves(call, first)) {
        lanes.shift();
        if (call !== undefined && first === plain) return;
        continue;
      }
      this.#overtakings = overtakes ? this.#overtakings + 1 : 0;
      settle(lanes);
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

  #find(call: Needs): Lane | undefined {
    return this.#others.get(call.limit)?.find((lane) => lane.isFor(call));
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

function isPlain({ limit, large, needsThread }: Needs): boolean {
  return limit === undefined && !large && !needsThread;
}

/** The one that has waited longer. */
export function older(one: Call | undefined, other: Call | undefined): Call | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.waitsSinceMs < one.waitsSinceMs ? other : one;
}

function isOlder(lane: Lane, other: Lane | undefined): boolean {
  const oldest = lane.oldest();
  const otherOldest = other?.oldest();
  if (oldest === undefined || otherOldest === undefined) return oldest !== undefined;
  return oldest.waitsSinceMs < otherOldest.waitsSinceMs;
}

/** Whether one that has waited longer stays behind a call: the next of another lane, or one that has to wait for that. */
function isOutranked(lanes: readonly Lane[], call: Call): boolean {
  return lanes.some((lane) => (lane.oldest()?.waitsSinceMs ?? Number.POSITIVE_INFINITY) < call.waitsSinceMs);
}

/** Which of two lanes is first: by their next calls. */
function byTurn(one: Lane, other: Lane): number {
  const [first, second] = [one.peek(), other.peek()];
  if (first === undefined || second === undefined) return first === second ? 0 : first === undefined ? 1 : -1;
  return second.rank - first.rank || first.waitsSinceMs - second.waitsSinceMs;
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
