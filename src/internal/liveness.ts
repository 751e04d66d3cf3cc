/**
 * Keeps the process alive exactly while something is under way: a count and one timer that is referenced
 * while the count is above zero.
 *
 * Owns no resource of its callers. Every `hold()` must be matched by one `release()`; handles of idle
 * connections stay unreferenced, and this is the only reference there is.
 */

import { processWide } from "./process-wide.ts";
import { MAX_TIMER_MS } from "./time/clock.ts";

interface Liveness {
  holds: number;
  /** Made by the first hold and kept: switching its reference is cheaper than making timers. */
  handle: NodeJS.Timeout | undefined;
}

const liveness = processWide("liveness", (): Liveness => ({ holds: 0, handle: undefined }));

/** Keeps the process alive until the matching {@link release}. */
export function hold(): void {
  liveness.holds += 1;
  if (liveness.holds !== 1) return;
  if (liveness.handle === undefined) liveness.handle = setInterval(() => {}, MAX_TIMER_MS);
  else liveness.handle.ref();
}

/**
 * Takes back one {@link hold}. With the last one the process may end.
 *
 * @throws Error if nothing is held: a hold was released twice, which would end the process under a call.
 */
export function release(): void {
  if (liveness.holds === 0) throw new Error("Cannot release the process: nothing holds it");
  liveness.holds -= 1;
  if (liveness.holds === 0) liveness.handle?.unref();
}

/** How many holds are in place, of every copy of the package in this process. */
export function holdCount(): number {
  return liveness.holds;
}
