/**
 * The calls that some worker has refused and that wait for one not asked yet, which has no room, is still connecting,
 * or takes the place of one that has refused. Each call waits independently of the others. It waits without limit for
 * a member that is ready but busy, and at most `timeoutMs` for one that is not ready. `waiting-calls.ts` decides where
 * a call goes on.
 */
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Call } from "../call/call.ts";
import { noTakerError } from "../call/refusal-record.ts";
import type { MemberSupply } from "../members/member-supply.ts";
import type { Members, Placement } from "../placement/placement.ts";

/** Parts and settings of the wait after a refusal. */
export interface UntriedQueueOptions {
  readonly members: Members;
  readonly placement: Pick<Placement, "untried">;
  readonly supply: Pick<MemberSupply, "memberDue">;
  /** How long a call waits for a member that is not ready, in milliseconds. */
  readonly timeoutMs: number;
}

/** Refused calls, the longest waiting first. */
export class UntriedQueue implements Iterable<Call> {
  readonly #options: UntriedQueueOptions;
  /** When each call began to wait. */
  readonly #sinceMs = new Map<Call, number>();
  /** When the first has waited long enough. */
  #check: DeadlineEntry | undefined;

  constructor(options: UntriedQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sinceMs.size;
  }

  add(call: Call): void {
    this.#sinceMs.set(call, deadlines.now());
    this.#check ??= deadlines.after(this.#options.timeoutMs, () => this.#checkAll());
  }

  /** Takes a call out; one that is not here does no harm. */
  delete(call: Call): void {
    if (!this.#sinceMs.delete(call) || this.size > 0 || this.#check === undefined) return;
    deadlines.cancel(this.#check);
    this.#check = undefined;
  }

  /** Whether there is anybody to wait for. */
  mayWait(call: Call): boolean {
    const { placement, supply } = this.#options;
    return placement.untried(call, "all") || (call.refusals?.awaitsReplacement === true && supply.memberDue);
  }

  /** Fails a call for which nobody is left. */
  giveUp(call: Call): void {
    this.delete(call);
    call.fail(noTakerError(call, this.#options.members));
  }

  /** The longest waiting first. The current call may be removed during iteration. */
  [Symbol.iterator](): Iterator<Call> {
    return this.#sinceMs.keys();
  }

  #checkAll(): void {
    const { timeoutMs, placement } = this.#options;
    const now = deadlines.now();
    let nextMs = now + timeoutMs;
    this.#check = undefined;
    for (const [call, sinceMs] of this.#sinceMs) {
      const dueMs = sinceMs + timeoutMs;
      if (dueMs > now) {
        nextMs = Math.min(nextMs, dueMs);
        break;
      }
      if (!placement.untried(call, "ready")) this.giveUp(call);
    }
    if (this.size > 0) this.#check = deadlines.add(nextMs, () => this.#checkAll());
  }
}
