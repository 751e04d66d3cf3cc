/** Whether the program is run with `NODE_DEBUG=merino`: then all channels are printed, and else nothing is loaded. */
import { debuglog } from "node:util";

let isStarted = false;

/** To be called by whatever makes calls, serves them or starts workers, as often as it likes. */
export function startDebugLog(): void {
  if (isStarted) return;
  isStarted = true;
  if (debuglog("merino").enabled) void import("./debug-log.ts").then((log) => log.printChannels());
}
