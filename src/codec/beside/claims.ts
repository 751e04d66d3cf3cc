/**
 * Which memory and objects calls of this thread have laid hands on: what a call is going to give away, and memory that
 * is being sent from where it is. The encoder refuses what would take one from the other. Empty most of the time.
 */
import { Few } from "../../internal/few.ts";

/** What calls that have not been handed over are going to give away, a list for each. */
const claimed = new Few<readonly object[]>();

/** Buffers that are being sent from where they are, a list for each call or answer. */
const lent = new Few<readonly ArrayBufferLike[]>();

/** Claims what a call is to give away. */
export function claim(objects: readonly object[]): void {
  if (objects.length > 0) claimed.add(objects);
}

/** The call has given them away, or is not to. @param objects The same array. */
export function unclaim(objects: readonly object[]): void {
  claimed.delete(objects);
}

/** Whether a call is going to give the object away. */
export function isClaimed(object: object): boolean {
  for (let at = claimed.size - 1; at >= 0; at--) if (claimed.at(at)?.includes(object) === true) return true;
  return false;
}

/** Notes that memory is being sent from where it is. */
export function lend(buffers: readonly ArrayBufferLike[]): void {
  if (buffers.length > 0) lent.add(buffers);
}

/** It has been sent, or is not to be. @param buffers The same array. */
export function unlend(buffers: readonly ArrayBufferLike[]): void {
  lent.delete(buffers);
}

/** Whether a buffer is being sent from where it is. */
export function isLent(buffer: ArrayBufferLike): boolean {
  for (let at = lent.size - 1; at >= 0; at--) if (lent.at(at)?.includes(buffer) === true) return true;
  return false;
}
