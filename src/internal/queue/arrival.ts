/** When calls came: what counts of it is which came before which, however often one has been to a worker and back. */

let last = 0;

/** A number for a call that comes now, above those of all that came before. */
export function nextArrival(): number {
  last += 1;
  return last;
}
