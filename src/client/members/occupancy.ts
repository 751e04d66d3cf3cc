/**
 * What a call occupies on the member it was sent to: a place among the calls in flight, a share of the work
 * sent ahead, for root calls a permit, where its routine has a limit one of its places, and what it needs of resources. The share is given back when the body first suspends or
 * ends, the place when the stream ends. The permit is given back while a generator is suspended, is taken again when
 * it goes on, and is given back for good at the end. Only this file changes these counters of a member.
 * While arguments are still on their way in chunks, the share delays other such calls only, since no body can run
 * without them.
 */
import type { Amounts } from "../../internal/amounts.ts";
import type { Member } from "./member.ts";
import type { MemberResources } from "./member-resources.ts";
import type { PlacedCall } from "./ready-members.ts";
import type { RoutineLimit } from "./routine-limits.ts";
import { UNKNOWN_BODY_US } from "./work-ahead.ts";

/** Of what a call takes what it needs: of what is reserved for it, or of what its member has. */
function resourcesFor({ within }: PlacedCall, member: Member): MemberResources {
  return within?.resources ?? member.resources;
}

/** One call on one member. */
export class Occupancy {
  readonly member: Member;
  readonly #nested: boolean;
  readonly #limit: RoutineLimit | undefined;
  readonly #needs: Amounts | undefined;
  /** Of which it holds them; absent where it needs none. */
  readonly #resources: MemberResources | undefined;
  #shareUs: number;
  #share = true;
  #transferring: boolean;
  #permit: boolean;

  /**
   * Takes a place, a share and, for a root call, a permit: the call is about to be sent.
   *
   * @param transferring Whether its arguments go in chunks; {@link transferred} tells their end.
   */
  constructor(call: PlacedCall, member: Member, transferring = false) {
    const { nested, estimate, limit, needs } = call;
    this.member = member;
    this.#limit = limit;
    if (limit !== undefined) limit.took(member);
    if (needs !== undefined) {
      this.#needs = needs;
      this.#resources = resourcesFor(call, member);
      this.#resources.took(needs);
    }
    this.#nested = nested;
    this.#permit = !nested;
    this.#shareUs = estimate.us ?? UNKNOWN_BODY_US;
    this.#transferring = transferring;
    if (transferring) this.#transfer(1);
    else this.#goAhead();
    member.inFlight += 1;
    if (!nested) member.permits += 1;
    member.moved();
  }

  /** Of a call whose arguments are on their way, in chunks if the worker takes them so. */
  static ofTransfer(call: PlacedCall, member: Member, stream: number): Occupancy {
    let occupancy: Occupancy | undefined;
    const inChunks = member.session?.whenTransferred(stream, () => occupancy?.transferred());
    occupancy = new Occupancy(call, member, inChunks);
    return occupancy;
  }

  /** Whether the body may have the worker's thread: true until it first suspends or ends. */
  get occupiesThread(): boolean {
    return this.#share;
  }

  /** The body is expected to take no longer than this; `undefined`, or more than it was, changes nothing. */
  shorten(expectedUs: number | undefined): void {
    if (!this.#share || expectedUs === undefined || expectedUs >= this.#shareUs) return;
    const { member } = this;
    if (this.#transferring) member.transferUs -= this.#shareUs - expectedUs;
    else member.aheadUs -= this.#shareUs - expectedUs;
    this.#shareUs = expectedUs;
    member.eased();
  }

  /** The last of its arguments has been handed to the connection: from here on the body may run. */
  transferred(): void {
    if (!this.#transferring) return;
    this.#transferring = false;
    this.#transfer(-1);
    if (this.#share) this.#goAhead();
  }

  /** Its worker has accepted the call. */
  accepted(): void {
    if (this.#limit !== undefined) this.#limit.accepted(this.member);
    if (this.#needs !== undefined) this.#resources?.accepted(this.#needs);
  }

  /** Gives back the share: the call no longer delays others on its member. */
  releaseShare(): void {
    if (!this.#share) return;
    this.#share = false;
    const member = this.member;
    if (this.#transferring) {
      this.transferred();
      member.eased();
      return;
    }
    member.aheadUs -= this.#shareUs;
    member.aheadCount -= 1;
    if (member.aheadCount === 0) member.aheadUs = 0; // no drift from sums of fractions
    member.eased();
  }

  /**
   * Gives back the permit until the call goes on.
   *
   * @returns Whether the call had one.
   */
  yieldPermit(): boolean {
    if (!this.#permit) return false;
    this.#permit = false;
    this.member.permits -= 1;
    this.member.eased();
    return true;
  }

  /** Takes the permit again, even if the member's limit has been reached meanwhile. */
  resumePermit(): void {
    if (this.#permit || this.#nested) return;
    this.#permit = true;
    this.member.permits += 1;
  }

  /** The stream has ended: nothing of the call is left on its member. */
  vacate(): void {
    this.releaseShare();
    this.yieldPermit();
    if (this.#limit !== undefined) this.#limit.left(this.member);
    if (this.#needs !== undefined) this.#resources?.left(this.#needs);
    this.member.inFlight -= 1;
    this.member.moved();
    this.member.completed += 1;
  }

  #goAhead(): void {
    this.member.aheadUs += this.#shareUs;
    this.member.aheadCount += 1;
  }

  #transfer(count: 1 | -1): void {
    const { member } = this;
    member.transferCount += count;
    member.transferUs = member.transferCount === 0 ? 0 : member.transferUs + count * this.#shareUs;
  }
}
