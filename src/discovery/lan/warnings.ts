/**
 * What goes wrong on the network, said in warnings: once per minute for each kind and originator, and never more
 * than a few per minute altogether, since anybody on the network can bring them about.
 */

import { processWide } from "../../internal/process-wide.ts";
import { type Clock, systemClock } from "../../internal/time/clock.ts";
import { createThrottle } from "../../internal/time/throttle.ts";
import { type WarningCode, warn } from "../../internal/warn.ts";

/** One trouble. */
export interface LanWarning {
  /** Code of the warning. */
  readonly code: "MERINO_DISCOVERY" | "MERINO_BAD_ADVERTISEMENT";
  /** Who or what is at fault, for example an address; warnings are limited for each. */
  readonly about: string;
  /** The same for every warning of its kind about the same; no words of a peer's. */
  readonly text: string;
  /** What differs from one to the next, such as a uid: said of the first only. */
  readonly detail?: string;
}

/** Emits a warning unless there have been too many. */
export type WarnOnLan = (warning: LanWarning) => void;

const INTERVAL_MS = 60_000;
const MAX_PER_INTERVAL = 20;

/**
 * Makes a limit in front of `emit`.
 *
 * @internal for tests as well
 */
export function createLanWarnings(
  emit: (code: WarningCode, message: string) => void,
  clock: Pick<Clock, "now"> = systemClock,
): WarnOnLan {
  let current: LanWarning | undefined;
  let said = 0;
  let sinceMs = Number.NEGATIVE_INFINITY;
  const offer = createThrottle(
    (text, suppressed) => {
      if (current === undefined) return;
      const now = clock.now();
      if (now - sinceMs >= INTERVAL_MS) {
        sinceMs = now;
        said = 0;
      }
      said += 1;
      if (said > MAX_PER_INTERVAL) return;
      const detail = current.detail === undefined ? "" : ` (${current.detail})`;
      const more = suppressed === 0 ? "" : `; ${suppressed} more like this since the last`;
      const last = said < MAX_PER_INTERVAL ? "" : "; what else there is within a minute is not told";
      emit(current.code, `${text}${detail}${more}${last}`);
    },
    { intervalMs: INTERVAL_MS, clock },
  );
  return (warning) => {
    current = warning;
    offer(`${warning.code} ${warning.about}`, warning.text);
    current = undefined;
  };
}

/** The process's own: however many publishers and watches there are, a trouble is told once. */
export function warnOnLan(warning: LanWarning): void {
  processWide("lan-warnings", () => ({ warn: createLanWarnings(warn) })).warn(warning);
}
