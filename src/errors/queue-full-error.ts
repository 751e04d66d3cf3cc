/** A call that found no worker free, and no place among those that wait. */
import { defineError, MerinoError } from "./merino-error.ts";

/**
 * As many calls wait in the pool as its `maxQueue` allows. The call was not sent to any worker.
 *
 * @example
 * await add(1, 2).catch((error: unknown) => {
 *   if (error instanceof QueueFullError) console.log(`${error.maxQueue} calls wait already`);
 *   else throw error;
 * });
 */
export class QueueFullError extends MerinoError {
  static {
    defineError(this, { name: "QueueFullError", code: "ERR_MERINO_QUEUE_FULL", fault: "caller" });
  }
  /** Identity of the routine called. */
  readonly routine: string;
  /** How many calls may wait. */
  readonly maxQueue: number;

  constructor(routine: string, maxQueue: number, options?: ErrorOptions) {
    super(
      `Cannot take the call of '${routine}': no worker is free, and ${maxQueue} calls wait, as many as 'maxQueue' allows; make fewer calls at a time, await pool.drained(), or let them wait with overflow: "wait"`,
      options,
    );
    this.routine = routine;
    this.maxQueue = maxQueue;
  }
}
