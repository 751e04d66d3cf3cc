/**
 * Warns of faults on the network: once per minute for each kind and originator, and never more than a few times
 * per minute altogether, since anybody on the network can cause them.
 */

import { processWide } from "../../internal/process-wide.ts";
import { type Clock, systemClock } from "../../internal/time/clock.ts";
import { createThrottle } from "../../internal/time/throttle.ts";
import { type WarningCode, warn } from "../../internal/warn.ts";

/** One fault. */
export interface LanWarning {
  /** Code of the warning. */
  readonly code: "MERINO_DISCOVERY" | "MERINO_BAD_ADVERTISEMENT";
  /** Who or what is at fault, for example an address; warnings are limited for each. */
  readonly about: string;
  /** The same for every warning of its kind about the same originator; contains no text from a peer. */
  readonly text: string;
  /** A part that differs from one warning to the next, such as a uid; only the first one's is shown. */
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

/** Warns for the whole process: however many publishers and watches there are, a fault is reported once. */
export function warnOnLan(warning: LanWarning): void {
  processWide("lan-warnings", () => ({ warn: createLanWarnings(warn) })).warn(warning);
}
