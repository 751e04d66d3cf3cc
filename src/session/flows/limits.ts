/** What the flows of one call may be and have under way. */

/** Iterables, streams and callbacks among the arguments of one call. */
export const MAX_FLOWS = 256;
/** Items that may be on their way to a reader who takes them as fast as they come. */
export const MAX_ITEMS_AHEAD = 256;
/** Chunks of a stream that have been sent and not been written at the other end; fewer than calls may be under way. */
export const MAX_WRITES_AHEAD = 64;
/** Calls of one callback that have been sent and not answered; further ones wait where they are made. */
export const MAX_CALLS_UNDER_WAY = 256;
/** Calls of one callback that wait. */
export const MAX_CALLS_WAITING = 65_536;
/** About what one of them takes up. */
export const FLOW_BYTES = 1024;
