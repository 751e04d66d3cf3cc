/**
 * The calls that some worker has refused and that wait for one not asked yet, which has no room, is still connecting,
 * or takes the place of one that has refused. Each call waits independently of the others. It waits without limit for
 * a member that is ready but busy, and at most `timeoutMs` at a time while there is none. `waiting-calls.ts` decides
 * where a call goes on.
 */
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Call } from "../call/call.ts";
import { noTakerError } from "../call/refusal-record.ts";
import type { MemberSupply } from "../membership/member-supply.ts";
import type { Members, Placement } from "../placement/placement.ts";

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
  readonly #calls = new Set<Call>();
  /**
   * When a call has waited long enough for a member that is not ready; absent while one is. It stays while the call is
   * offered to others in between.
   */
  readonly #untilMs = new WeakMap<Call, number>();
  /** When the next call may have waited long enough. */
  #check: DeadlineEntry | undefined;

  constructor(options: UntriedQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Adds a call that a worker has just refused, or has lost before it came. */
  add(call: Call): void {
    this.#untilMs.delete(call);
    this.#calls.add(call);
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
    if ((this.#untilMs.get(call) ?? Number.POSITIVE_INFINITY) <= deadlines.now()) return false;
    this.#calls.add(call);
    this.#limit(call);
    return true;
  }

  /** Takes a call out; one that is not here does no harm. */
  delete(call: Call): void {
    if (!this.#calls.delete(call) || this.size > 0 || this.#check === undefined) return;
    deadlines.cancel(this.#check);
    this.#check = undefined;
  }

  /** Whether there is anybody to wait for. */
  mayWait(call: Call): boolean {
    return this.#options.placement.untried(call, "all") || this.#replacementDue(call);
  }

  /** Members have changed, and none takes this call now: it waits on, or fails if nobody is left for it. */
  review(call: Call): void {
    if (!this.mayWait(call)) this.giveUp(call);
    else if (this.#options.placement.untried(call, "ready")) this.#untilMs.delete(call);
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
    return this.#calls.values();
  }

  #replacementDue({ refusals }: Call): boolean {
    return refusals?.awaitsReplacement === true && this.#options.supply.replacementDue;
  }

  /** Nobody is ready for it: from here on its time runs, unless it does already. */
  #limit(call: Call): void {
    let untilMs = this.#untilMs.get(call);
    if (untilMs === undefined) {
      untilMs = deadlines.now() + this.#options.timeoutMs;
      this.#untilMs.set(call, untilMs);
    }
    if (this.#check !== undefined && this.#check.atMs <= untilMs) return;
    if (this.#check !== undefined) deadlines.cancel(this.#check);
    this.#check = deadlines.add(untilMs, () => this.#checkAll());
  }

  #checkAll(): void {
    this.#check = undefined;
    const now = deadlines.now();
    for (const call of this.#calls) {
      const untilMs = this.#untilMs.get(call);
      if (untilMs === undefined) continue;
      if (untilMs <= now) this.giveUp(call);
      else this.#limit(call);
    }
  }
}
