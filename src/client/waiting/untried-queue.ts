/**
 * The calls that some worker has refused and that wait for one not asked yet, which has no room, is still connecting,
 * or takes the place of one that has refused. Each call waits independently of the others. It waits without limit for
 * a member that is ready but busy, and at most `timeoutMs` at a time while there is none. `waiting-calls.ts` decides
 * where a call goes on.
 */
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Call } from "../call/call.ts";
import { noTakerError } from "../call/refusal-record.ts";
import type { MemberSupply } from "../membership/member-supply.ts";
import type { Members, Placement } from "../placement/placement.ts";
import { MOST_PASSED } from "./passed.ts";

/** Parts and settings of the wait after a refusal. */
export interface UntriedQueueOptions {
  readonly members: Members;
  readonly placement: Pick<Placement, "untried">;
  readonly supply: Pick<MemberSupply, "replacementDue" | "lastStartError">;
  /** How long a call waits for a member that is not ready, in milliseconds. */
  readonly timeoutMs: number;
}

/** Refused calls, the longest waiting first. */
export class UntriedQueue implements Iterable<Call> {
  readonly #options: UntriedQueueOptions;
  readonly #queue: DeadlineQueue;
  /** With the end of its time, while that runs. */
  readonly #calls = new Map<Call, DeadlineEntry | undefined>();
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
    this.#limit(call);
    return true;
  }

  /** Takes a call out; one that is not here does no harm. */
  delete(call: Call): void {
    const end = this.#calls.get(call);
    if (end !== undefined) this.#queue.cancel(end);
    this.#calls.delete(call);
  }

  /** Whether there is anybody to wait for. */
  mayWait(call: Call): boolean {
    return this.#options.placement.untried(call, "all") || this.#replacementDue(call);
  }

  /** Members have changed, and none takes this call now: it waits on, or fails if nobody is left for it. */
  review(call: Call): void {
    if (!this.mayWait(call)) this.giveUp(call);
    else if (this.#options.placement.untried(call, "ready")) this.#unlimit(call);
    else this.#limit(call);
  }

  /** Fails a call for which nobody is left. */
  giveUp(call: Call): void {
    const { members, supply } = this.#options;
    this.delete(call);
    call.fail(noTakerError(call, members, supply.lastStartError));
  }

  /** The longest waiting first. The current call may be removed during iteration. */
  [Symbol.iterator](): Iterator<Call> {
    return this.#calls.keys();
  }

  #replacementDue({ refusals }: Call): boolean {
    return refusals?.awaitsReplacement === true && this.#options.supply.replacementDue;
  }

  /** Nobody is ready for it: from here on its time runs, unless it does already. */
  #limit(call: Call): void {
    if (this.#calls.get(call) !== undefined) return;
    let untilMs = this.#untilMs.get(call);
    if (untilMs === undefined) {
      untilMs = this.#queue.now() + this.#options.timeoutMs;
      this.#untilMs.set(call, untilMs);
    }
    this.#calls.set(
      call,
      this.#queue.add(untilMs, () => this.giveUp(call)),
    );
  }

  /** Somebody is ready for it: it waits for room, without limit. */
  #unlimit(call: Call): void {
    const end = this.#calls.get(call);
    if (end !== undefined) this.#queue.cancel(end);
    this.#untilMs.delete(call);
    this.#calls.set(call, undefined);
  }
}
