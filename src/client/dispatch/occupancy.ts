/**
 * What a task takes up on the member it was sent to: a place among the calls in flight, a share of the work
 * sent ahead and, for root calls, a permit. Each is given back once: the share when the body first suspends
 * or ends, the permit also while a generator is suspended, the place when the stream ends.
 */

import type { OutgoingTask } from "../call/outgoing-task.ts";
import type { Member } from "../members/member.ts";

/** What a routine is taken to hold its worker for until it has been measured, in microseconds. */
const UNKNOWN_BODY_US = 1000;

/** The task is being sent to the member. */
export function occupy(task: OutgoingTask, member: Member): void {
  task.reserved = true;
  task.reservedUs = task.estimate.us ?? UNKNOWN_BODY_US;
  member.aheadUs += task.reservedUs;
  member.aheadCount += 1;
  member.inFlight += 1;
  member.moved();
  if (!task.nested) {
    task.permit = true;
    member.permits += 1;
  }
}

/** The task no longer holds up others on its member. */
export function releaseShare(task: OutgoingTask): void {
  const { member } = task;
  if (!task.reserved || member === undefined) return;
  task.reserved = false;
  member.aheadUs -= task.reservedUs;
  member.aheadCount -= 1;
  if (member.aheadCount === 0) member.aheadUs = 0; // no drift from sums of fractions
  member.eased();
}

/**
 * The task does not count against the gate of its member until it is resumed.
 *
 * @returns Whether it did so far.
 */
export function yieldPermit(task: OutgoingTask): boolean {
  if (!task.permit || task.member === undefined) return false;
  task.permit = false;
  task.member.permits -= 1;
  task.member.eased();
  return true;
}

/** The task counts again, even if the gate has closed meanwhile. */
export function resumePermit(task: OutgoingTask): void {
  if (task.permit || task.nested || task.member === undefined) return;
  task.permit = true;
  task.member.permits += 1;
}

/** The stream has ended: nothing of the task is left on its member. */
export function vacate(task: OutgoingTask, member: Member): void {
  releaseShare(task);
  yieldPermit(task);
  member.inFlight -= 1;
  member.moved();
  member.completed += 1;
  task.member = undefined;
}
