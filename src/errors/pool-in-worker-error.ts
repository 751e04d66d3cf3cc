/** A pool opened by a module that a worker imports. */
import { defineError, MerinoError } from "./merino-error.ts";

/** A module opened a pool while a worker was importing it, which would start workers without end. */
export class PoolInWorkerError extends MerinoError {
  static {
    defineError(this, { name: "PoolInWorkerError", code: "ERR_MERINO_POOL_IN_WORKER", fault: "caller" });
  }
}
