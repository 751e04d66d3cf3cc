/**
 * What a call takes up on the member it was sent to: a place among the calls in flight, a share of the work
 * sent ahead and, for root calls, a permit. Each is given back once: the share when the body first suspends
 * or ends, the permit also while a generator is suspended, the place when the stream ends.
 */

import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";

/** What a routine is taken to hold its worker for until it has been measured, in microseconds. */
const UNKNOWN_BODY_US = 1000;

/** The call is being sent to the member. */
export function occupy(call: Call, member: Member): void {
  call.reserved = true;
  call.reservedUs = call.estimate.us ?? UNKNOWN_BODY_US;
  member.aheadUs += call.reservedUs;
  member.aheadCount += 1;
  member.inFlight += 1;
  member.moved();
  if (!call.nested) {
    call.permit = true;
    member.permits += 1;
  }
}

/** The call no longer holds up others on its member. */
export function releaseShare(call: Call): void {
  const { member } = call;
  if (!call.reserved || member === undefined) return;
  call.reserved = false;
  member.aheadUs -= call.reservedUs;
  member.aheadCount -= 1;
  if (member.aheadCount === 0) member.aheadUs = 0; // no drift from sums of fractions
  member.eased();
}

/**
 * The call does not count against the gate of its member until it is resumed.
 *
 * @returns Whether it did so far.
 */
export function yieldPermit(call: Call): boolean {
  if (!call.permit || call.member === undefined) return false;
  call.permit = false;
  call.member.permits -= 1;
  call.member.eased();
  return true;
}

/** The call counts again, even if the gate has closed meanwhile. */
export function resumePermit(call: Call): void {
  if (call.permit || call.nested || call.member === undefined) return;
  call.permit = true;
  call.member.permits += 1;
}

/** The stream has ended: nothing of the call is left on its member. */
export function vacate(call: Call, member: Member): void {
  releaseShare(call);
  yieldPermit(call);
  member.inFlight -= 1;
  member.moved();
  member.completed += 1;
  call.member = undefined;
}
