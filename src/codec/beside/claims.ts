/**
 * Which memory and objects calls of this thread have laid hands on: what a call is going to give away, and memory that
 * is being sent from where it is. The encoder refuses what would take one from the other. Empty most of the time.
 */

/** What calls that have not been handed over are going to give away. */
const claimed = new Set<object>();

/** Buffers that are being sent from where they are, and by how many calls. */
const lent = new Map<ArrayBufferLike, number>();

/** Claims what a call is to give away. */
export function claim(objects: readonly object[]): void {
  for (const object of objects) claimed.add(object);
}

/** The call has given them away, or is not to. */
export function unclaim(objects: readonly object[]): void {
  for (const object of objects) claimed.delete(object);
}

/** Whether a call is going to give the object away. */
export function isClaimed(object: object): boolean {
  return claimed.size > 0 && claimed.has(object);
}

/** Notes that memory is being sent from where it is. */
export function lend(buffers: readonly ArrayBufferLike[]): void {
  for (const buffer of buffers) lent.set(buffer, (lent.get(buffer) ?? 0) + 1);
}

/** It has been sent, or is not to be. */
export function unlend(buffers: readonly ArrayBufferLike[]): void {
  for (const buffer of buffers) {
    const calls = (lent.get(buffer) ?? 0) - 1;
    if (calls > 0) lent.set(buffer, calls);
    else lent.delete(buffer);
  }
}

/** Whether a buffer is being sent from where it is. */
export function isLent(buffer: ArrayBufferLike): boolean {
  return lent.size > 0 && lent.has(buffer);
}
