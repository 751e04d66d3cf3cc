/** Something that came with a call was used after the call. */
import { defineError, MerinoError } from "./merino-error.ts";

/**
 * The call that an iterable, a stream or a callback came with has ended, and that with it. Await what it returns before the
 * routine returns.
 */
export class CallEndedError extends MerinoError {
  static {
    defineError(this, { name: "CallEndedError", code: "ERR_MERINO_CALL_ENDED", fault: "routine" });
  }
  /** Identity of the routine. */
  readonly routine: string;

  /** @param what What cannot be done, as `call the callback`. */
  constructor(routine: string, what: string, options?: ErrorOptions) {
    super(
      `Cannot ${what}: the call of '${routine}' that it came with has ended; await it before the routine returns`,
      options,
    );
    this.routine = routine;
  }
}
