/**
 * The import of a routine's module that has failed in this worker, where Node does not try it again. It goes to the
 * caller as a refusal of its own, so that a pool can replace a worker that it has spawned.
 */

/** Its `cause` is what the import ended with; absent: it has not come to an end in time. */
export class ImportFailedError extends Error {}
