/** A call to a pool that has been closed. */
import { defineError, MerinoError } from "./merino-error.ts";

/** The pool is closing or closed: a new call was refused, or a call was ended because the grace ran out. */
export class PoolClosedError extends MerinoError {
  static {
    defineError(this, { name: "PoolClosedError", code: "ERR_MERINO_POOL_CLOSED", fault: "caller" });
  }
}
