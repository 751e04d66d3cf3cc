/**
 * Says that a worker which was found cannot be reached: once a minute at most for each address, however many workers
 * come and go at it and however the reasons differ.
 */
import { type Clock, systemClock } from "../../internal/time/clock.ts";
import { createThrottle } from "../../internal/time/throttle.ts";
import { warn } from "../../internal/warn.ts";

const INTERVAL_MS = 60_000;

/** More addresses than any discovery of this library follows; one that is forgotten would be told of too soon. */
const MAX_ADDRESSES = 16_384;

/**
 * Makes the warning of one proxy.
 *
 * @param clock Where time comes from; a parameter for tests.
 * @returns Takes the address and what is wrong there.
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
          : `${text} (and ${suppressed} times more at this address since the last warning)`,
      ),
    { intervalMs: INTERVAL_MS, changedAtOnce: false, keyLimit: MAX_ADDRESSES, clock },
  );
  return (address, text) => void offer(address, text);
}
