/**
 * When a session of HTTP/2 ends for what its caller sends: never while it reads. Node ends it from inside nghttp2, with
 * more of the same packet to come. The rest of the packet then meets what has been freed, or was not made any more: that has
 * aborted processes by an assertion of Node's, and has read memory that was freed.
 */
import type { ServerHttp2Session } from "node:http2";

/** nghttp2's codes of errors lie below this one; the system's, which sockets fail with, above. */
const NGHTTP2_CODES = -500;
/** Those below this one end the reading itself: nothing of the packet is looked at any more. */
const FATAL_CODES = -900;

/**
 * Has a session end in a turn of its own where Node would end it at once: for a GOAWAY with an error, and for an
 * acknowledgement that nobody waits for. Until then the rest of the packet is taken as if nothing had happened, so calls may
 * begin that end at once.
 *
 * A GOAWAY in good order is only told of: Node would begin to close the session, and refuse what comes behind the GOAWAY
 * from inside nghttp2.
 *
 * @param session One that was just made. Its `close` is Node's alone from now on, and closes nothing.
 * @param goodbye The caller has said that it begins no more calls. Called while the session reads.
 * @returns What its `close` was: takes no more streams, says so, and ends once those under way have. Not to be called while
 *   the session reads.
 * @see docs/decisions/0017-sessions-end-between-reads.md
 */
export function endBetweenReads(session: ServerHttp2Session, goodbye: () => void): () => void {
  const close = session.close.bind(session);
  const destroy = session.destroy.bind(session);
  session.close = goodbye;
  session.destroy = (error, code) => {
    if (comesWhileReading(error)) setImmediate(() => destroy(error, code));
    else destroy(error, code);
  };
  return close;
}

/** Whether it is an error of HTTP/2 after which the rest of the packet is read. */
function comesWhileReading(error: NodeJS.ErrnoException | undefined | null): boolean {
  if (error === undefined || error === null) return false;
  const { errno } = error;
  return errno === undefined || (errno <= NGHTTP2_CODES && errno >= FATAL_CODES);
}
