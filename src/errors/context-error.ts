/** A use of context variables that cannot work. */
import { defineError, MerinoError } from "./merino-error.ts";

/**
 * A context variable or token cannot be used like this: the token belongs to another variable or branch, or has been
 * used already; or a call has more variables, or larger ones, than travel.
 */
export class ContextError extends MerinoError {
  static {
    defineError(this, { name: "ContextError", code: "ERR_MERINO_CONTEXT", fault: "caller" });
  }
}
