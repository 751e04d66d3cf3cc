/** A value of a worker that cannot be had. */
import { defineError, MerinoError } from "./merino-error.ts";

/**
 * Why a value of `perWorker()` cannot be had. `timeout`: making it has taken longer than its `timeout`. `cycle`: it is
 * asked for while it is being made, by what it waits for itself. `ended`: the worker ends, and makes nothing any more.
 */
export type WorkerStateReason = "timeout" | "cycle" | "ended";

/**
 * A value that a worker has for all its calls cannot be had. What the function that makes it has thrown arrives as it is,
 * and not as this error.
 *
 * @example
 * const slow = perWorker("slow", () => new Promise(() => {}), { timeout: 100 });
 * await slow.get().catch((error: unknown) => {
 *   if (error instanceof WorkerStateError) console.log(error.reason); // "timeout"
 * });
 */
export class WorkerStateError extends MerinoError {
  static {
    defineError(this, { name: "WorkerStateError", code: "ERR_MERINO_WORKER_STATE", fault: "routine" });
  }
  /** Identity of the value. */
  readonly value: string;
  /** Why it cannot be had. */
  readonly reason: WorkerStateReason;

  constructor(why: string, value: string, reason: WorkerStateReason) {
    super(`Cannot get '${value}': ${why}`);
    this.value = value;
    this.reason = reason;
  }
}
