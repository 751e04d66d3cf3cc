/** A task that a worker refused for a reason that holds for every worker. */
import { defineError, MerinoError } from "./merino-error.ts";

/** The worker refused the task; nothing has run. `refusal` is the wire's name of the reason. */
export class TaskRefusedError extends MerinoError {
  static {
    defineError(this, { name: "TaskRefusedError", code: "ERR_MERINO_REFUSED", fault: "caller" });
  }
  /** For example `"TOO_LARGE"`, `"FORBIDDEN"`, `"EXPIRED"`. */
  readonly refusal: string;

  constructor(refusal: string, why: string, options?: ErrorOptions) {
    super(why, options);
    this.refusal = refusal;
  }
}
