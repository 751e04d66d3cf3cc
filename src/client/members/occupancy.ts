/**
 * What a call occupies on the member it was sent to: a place among the calls in flight, a share of the work
 * sent ahead and, for root calls, a permit. Each is given back once: the share when the body first suspends
 * or ends, the permit also while a generator is suspended, the place when the stream ends. The counters of
 * members are written here only.
 */
import type { Member } from "./member.ts";
import type { PlacedCall } from "./ready-members.ts";
import { UNKNOWN_BODY_US } from "./work-ahead.ts";

/** One call on one member. */
export class Occupancy {
  readonly member: Member;
  readonly #nested: boolean;
  readonly #shareUs: number;
  #share = true;
  #permit: boolean;

  /** The call is being sent to the member. */
  constructor(call: PlacedCall, member: Member) {
    const { nested, estimate } = call;
    this.member = member;
    this.#nested = nested;
    this.#permit = !nested;
    this.#shareUs = estimate.us ?? UNKNOWN_BODY_US;
    member.aheadUs += this.#shareUs;
    member.aheadCount += 1;
    member.inFlight += 1;
    if (!nested) member.permits += 1;
    member.moved();
  }

  /** Whether the body has the worker's thread, or will have it once it starts: it has not suspended. */
  get occupiesThread(): boolean {
    return this.#share;
  }

  /** The call no longer delays others on its member. */
  releaseShare(): void {
    if (!this.#share) return;
    this.#share = false;
    const member = this.member;
    member.aheadUs -= this.#shareUs;
    member.aheadCount -= 1;
    if (member.aheadCount === 0) member.aheadUs = 0; // no drift from sums of fractions
    member.eased();
  }

  /**
   * The call does not count against the gate of its member until it is resumed.
   *
   * @returns Whether it did so far.
   */
  yieldPermit(): boolean {
    if (!this.#permit) return false;
    this.#permit = false;
    this.member.permits -= 1;
    this.member.eased();
    return true;
  }

  /** The call counts again, even if the gate has closed meanwhile. */
  resumePermit(): void {
    if (this.#permit || this.#nested) return;
    this.#permit = true;
    this.member.permits += 1;
  }

  /** The stream has ended: nothing of the call is left on its member. */
  vacate(): void {
    this.releaseShare();
    this.yieldPermit();
    this.member.inFlight -= 1;
    this.member.moved();
    this.member.completed += 1;
  }
}
