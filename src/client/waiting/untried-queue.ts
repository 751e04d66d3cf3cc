/**
 * The calls that some worker has refused and that wait for one not asked yet, which has no room, is still connecting,
 * or takes the place of one that has refused. Those that the same members have refused and that ask the same of the others
 * wait in one lane, in which the first holds up the others; no lane holds up another. A call waits without limit for a
 * member that is ready but busy, and at most `timeoutMs` at a time while there is none. `waiting-calls.ts` decides where
 * a call goes on.
 */

import { leaveQueue } from "../../internal/queue/priority-queue.ts";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Call } from "../call/call.ts";
import { noTakerError } from "../call/refusal-record.ts";
import type { MemberSupply } from "../membership/member-supply.ts";
import type { Members, Placement } from "../placement/placement.ts";
import { type Lane, Lanes } from "./lanes.ts";
import { MOST_PASSED } from "./passed.ts";

/** Parts and settings of the wait after a refusal. */
export interface UntriedQueueOptions {
  readonly members: Members;
  readonly placement: Pick<Placement, "untried">;
  readonly supply: Pick<MemberSupply, "replacementDue" | "lastStartError">;
  /** How long a call waits for a member that is not ready, in milliseconds. */
  readonly timeoutMs: number;
}

/** Calls that more members than this have refused are of one kind each. */
const MOST_COMPARED = 16;

/** Calls that the same members have refused, and for which others are there or are not: for all of them, or for none. */
class Kind {
  readonly key: unknown;
  readonly calls = new Set<Call>();
  /** Those whose time runs. */
  readonly limited = new Set<Call>();

  constructor(key: unknown) {
    this.key = key;
  }
}

/** A call here. */
interface Entry {
  readonly kind: Kind;
  /** The end of its time, while that runs. */
  end: DeadlineEntry | undefined;
}

/** Refused calls. */
export class UntriedQueue {
  readonly #options: UntriedQueueOptions;
  readonly #queue: DeadlineQueue;
  readonly #calls = new Map<Call, Entry>();
  readonly #kinds = new Map<unknown, Kind>();
  readonly #lanes = new Lanes();
  /**
   * When a call has waited long enough for a member that is not ready; absent while one is. It stays while the call is
   * offered to others in between.
   */
  readonly #untilMs = new WeakMap<Call, number>();
  /** Calls that had been sent when one began to wait here. */
  readonly #sentBefore = new WeakMap<Call, number>();
  #sent = 0;

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(options: UntriedQueueOptions, queue: DeadlineQueue = deadlines) {
    this.#options = options;
    this.#queue = queue;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** The one that has waited longest. */
  get oldest(): Call | undefined {
    return this.#lanes.oldest;
  }

  /** A call has been sent. */
  count(): void {
    this.#sent += 1;
  }

  /** Tells a call that is looked at whether many have been sent since it waits. */
  tell(call: Call): void {
    if (this.#sent - (this.#sentBefore.get(call) ?? this.#sent) >= MOST_PASSED) call.becomesOverdue();
  }

  /** Adds a call that a worker has just refused, or has lost before it came. */
  add(call: Call): void {
    if (!this.#sentBefore.has(call)) this.#sentBefore.set(call, this.#sent);
    this.#enter(call);
    this.#unlimit(call);
    if (!this.#options.placement.untried(call, "ready")) this.#limit(call);
  }

  /**
   * Adds a call for which its balancer has named nobody, if a worker is on its way that takes the place of one that
   * has refused it. Members that are there do not count: the balancer knows them.
   *
   * @returns False, and nothing has happened, if there is none, or if it has waited long enough for it.
   */
  addUnnamed(call: Call): boolean {
    if (!this.#replacementDue(call)) return false;
    if ((this.#untilMs.get(call) ?? Number.POSITIVE_INFINITY) <= this.#queue.now()) return false;
    this.#enter(call);
    this.#limit(call);
    return true;
  }

  /** Takes a call out; one that is not here does no harm. */
  delete(call: Call): void {
    const entry = this.#calls.get(call);
    if (entry === undefined) return;
    const { kind, end } = entry;
    if (end !== undefined) this.#queue.cancel(end);
    leaveQueue(call);
    this.#calls.delete(call);
    kind.limited.delete(call);
    kind.calls.delete(call);
    if (kind.calls.size === 0) this.#kinds.delete(kind.key);
  }

  /** Whether there is anybody to wait for. */
  mayWait(call: Call): boolean {
    return this.#options.placement.untried(call, "all") || this.#replacementDue(call);
  }

  /**
   * Offers the calls that are next, each lane's until one has to wait on. Then those that are left wait on, or fail if
   * nobody is left for them.
   *
   * @param leaves Told of the next call of a lane. It takes that out and returns true, or returns false if it waits on.
   */
  drain(leaves: (call: Call, lane: Lane) => boolean): void {
    const waiting = new Set<Kind>();
    this.#lanes.drain((call, lane) => {
      if (leaves(call, lane) || this.#hasChanged(call)) return true;
      const kind = this.#calls.get(call)?.kind;
      if (kind !== undefined) waiting.add(kind);
      return false;
    });
    for (const kind of waiting) this.#review(kind);
  }

  /** Fails a call for which nobody is left. */
  giveUp(call: Call): void {
    const { members, supply } = this.#options;
    this.delete(call);
    call.fail(noTakerError(call, members, supply.lastStartError));
  }

  #enter(call: Call): void {
    if (this.#calls.has(call)) return;
    const key = kindOf(call);
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      kind = new Kind(key);
      this.#kinds.set(key, kind);
    }
    kind.calls.add(call);
    this.#calls.set(call, { kind, end: undefined });
    this.#lanes.of(call, kind).push(call);
  }

  /** Whether more members refuse a call by now: it goes to those of its kind. */
  #hasChanged(call: Call): boolean {
    const entry = this.#calls.get(call);
    if (entry === undefined || entry.kind.key === kindOf(call)) return false;
    this.delete(call);
    if (this.mayWait(call)) this.add(call);
    else this.giveUp(call);
    return true;
  }

  #replacementDue({ refusals }: Call): boolean {
    return refusals?.awaitsReplacement === true && this.#options.supply.replacementDue;
  }

  #review({ calls, limited }: Kind): void {
    const [first] = calls;
    if (first === undefined) return;
    if (this.#options.placement.untried(first, "ready")) for (const call of limited) this.#unlimit(call);
    else for (const call of calls) this.#expect(call);
  }

  /** Nobody is ready for it. */
  #expect(call: Call): void {
    if (this.mayWait(call)) this.#limit(call);
    else this.giveUp(call);
  }

  /** Nobody is ready for it: from here on its time runs, unless it does already. */
  #limit(call: Call): void {
    const entry = this.#calls.get(call);
    if (entry === undefined || entry.end !== undefined) return;
    let untilMs = this.#untilMs.get(call);
    if (untilMs === undefined) {
      untilMs = this.#queue.now() + this.#options.timeoutMs;
      this.#untilMs.set(call, untilMs);
    }
    entry.end = this.#queue.add(untilMs, () => this.giveUp(call));
    entry.kind.limited.add(call);
  }

  /** Somebody is ready for it: it waits for room, without limit. */
  #unlimit(call: Call): void {
    this.#untilMs.delete(call);
    const entry = this.#calls.get(call);
    if (entry?.end === undefined) return;
    this.#queue.cancel(entry.end);
    entry.end = undefined;
    entry.kind.limited.delete(call);
  }
}

/** What calls have in common that the same members may take. */
function kindOf(call: Call): unknown {
  const { refusals, nested, needsThread, only } = call;
  const uids = refusals?.uids ?? [];
  return uids.length > MOST_COMPARED ? call : JSON.stringify([nested, needsThread, only, [...uids].sort()]);
}
