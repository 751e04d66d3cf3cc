/**
 * Keeps the process alive exactly while something is under way: a count and one timer that is referenced
 * while the count is above zero.
 *
 * Owns no resource of its callers. Every `keepAlive()` must be matched by one `letExit()`; handles of idle
 * connections stay unreferenced, and this is the only reference there is.
 */

import { processWide } from "./process-wide.ts";
import { MAX_TIMER_MS } from "./time/clock.ts";

interface Liveness {
  count: number;
  /** Made when it is first needed and kept: switching its reference is cheaper than making timers. */
  handle: NodeJS.Timeout | undefined;
}

const liveness = processWide("liveness", (): Liveness => ({ count: 0, handle: undefined }));

/** Keeps the process alive until the matching {@link letExit}. */
export function keepAlive(): void {
  liveness.count += 1;
  if (liveness.count !== 1) return;
  // biome-ignore lint/style/noRestrictedGlobals: it measures no time; a timer is the cheapest handle there is
  if (liveness.handle === undefined) liveness.handle = setInterval(() => {}, MAX_TIMER_MS);
  else liveness.handle.ref();
}

/**
 * Takes back one {@link keepAlive}. With the last one the process may end.
 *
 * @throws Error if none is left: one was taken back twice, which would end the process under a call.
 */
export function letExit(): void {
  if (liveness.count === 0) throw new Error("Cannot let the process exit: nothing keeps it alive");
  liveness.count -= 1;
  if (liveness.count === 0) liveness.handle?.unref();
}
