/**
 * Says that a worker which was found cannot be reached: once a minute at most for each address, however many workers
 * come and go at it, however many proxies call them, and however the reasons differ.
 */
import { type Clock, systemClock } from "../../internal/time/clock.ts";
import { createThrottle } from "../../internal/time/throttle.ts";
import { warn } from "../../internal/warn.ts";

const INTERVAL_MS = 60_000;

/**
 * More than any of our discoveries follows. If an address were forgotten, its next warning could come before the
 * minute is over.
 */
const MAX_ADDRESSES = 16_384;

/**
 * Makes the warning, with a memory of its own.
 *
 * @param clock Where time comes from; a parameter for tests.
 * @returns A function to call with the address and the text of the warning.
 */
export function createUnreachableWarning(
  clock: Pick<Clock, "now"> = systemClock,
): (address: string, text: string) => void {
  const offer = createThrottle(
    (text, suppressed) =>
      warn(
        "MERINO_WORKER_UNREACHABLE",
        suppressed === 0
          ? text
          : `${text} (${suppressed} further ${suppressed === 1 ? "warning" : "warnings"} about this address held back since the last one)`,
      ),
    { intervalMs: INTERVAL_MS, changedAtOnce: false, keyLimit: MAX_ADDRESSES, clock },
  );
  return (address, text) => void offer(address, text);
}
