/** A routine that the worker does not have. */
import { defineError, MerinoError } from "./merino-error.ts";

/**
 * The worker could not find the routine, even after importing its module (where imports are allowed); or that import
 * has failed, with the error that is the `cause`. Nothing has run.
 */
export class RoutineNotFoundError extends MerinoError {
  static {
    defineError(this, {
      name: "RoutineNotFoundError",
      code: "ERR_MERINO_ROUTINE_NOT_FOUND",
      fault: "caller",
    });
  }
  /** Identity asked for. */
  readonly routine: string;

  constructor(routine: string, why: string, options?: ErrorOptions) {
    super(`Cannot run '${routine}': ${why}`, options);
    this.routine = routine;
  }
}
