/** Calls with blobs among their arguments, whose content is to be read before any worker is chosen for them. */
import { unreadIn } from "../../codec/beside/unread-blobs.ts";
import type { Call } from "../call/call.ts";

/**
 * Has the blobs of a call read, if that has not been done.
 *
 * @param read Goes on with it, unless it has settled meanwhile.
 * @returns Whether the call waits for that.
 */
export function waitsForBlobs(call: Call, read: () => void): boolean {
  const unread = unreadIn(call.payload);
  if (unread === undefined) return false;
  unread.read().then(
    () => {
      if (!call.settled) read();
    },
    (error: unknown) => call.fail(error),
  );
  return true;
}
