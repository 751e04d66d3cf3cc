/**
 * How much work is sent ahead to a worker: as much as it has to do in about a millisecond, so that it never waits for
 * the next call and no call waits long behind others. What each call takes up is counted by `occupancy.ts`; the member
 * compares the two.
 */

/** How much work a worker is sent ahead of what it is known to be doing, in microseconds. */
export const AHEAD_US = 1000;

/** How long a routine's body is taken to run until it has been measured, in microseconds: as long as all that is sent ahead. */
export const UNKNOWN_BODY_US = 1000;
