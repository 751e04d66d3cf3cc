/**
 * How much work is queued at a worker in advance: about one millisecond of it, so that the worker never waits for the
 * next call and no call waits long behind others. `occupancy.ts` adds up the work already sent; `member.ts` and
 * `ready-members.ts` compare that sum with the limit here. A call whose arguments are still being
 * sent gives the worker nothing to do yet: it counts for other large calls only.
 */

/**
 * The most work that may be outstanding at a worker, in microseconds of the time that bodies are expected to take. An
 * idle worker gets a call however long it is.
 */
export const AHEAD_US = 1000;

/** The number of calls whose arguments may be on their way to one worker in chunks. */
export const MAX_TRANSFERS = 16;

/** The number of calls that may wait for their answers when another goes between chunks that keep the connection full. */
export const MAX_BETWEEN_CHUNKS = 16;

/**
 * The time that a body is assumed to take, in microseconds, until its routine has been measured: one such call fills the
 * allowance.
 */
export const UNKNOWN_BODY_US = 1000;
