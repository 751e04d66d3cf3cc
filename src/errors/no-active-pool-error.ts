/** A call without a pool. */
import { defineError, MerinoError } from "./merino-error.ts";

/** A routine was called while no pool was open, and none was given. Nothing was sent. */
export class NoActivePoolError extends MerinoError {
  static {
    defineError(this, { name: "NoActivePoolError", code: "ERR_MERINO_NO_ACTIVE_POOL", fault: "caller" });
  }
}
