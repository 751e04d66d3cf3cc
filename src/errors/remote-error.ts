/** An error of a class that this side does not know. */
import { defineError, MerinoError } from "./merino-error.ts";

/**
 * A routine threw an error whose class is not known here. `remoteName` is the original name; the
 * original's own fields are own fields of this error. Register the class with `portable()` in a
 * module that both sides import to receive it as itself.
 */
export class RemoteError extends MerinoError {
  static {
    defineError(
      this,
      { name: "RemoteError", code: "ERR_MERINO_REMOTE", fault: "routine" },
      { shown: (message) => message }, // the routine's own, as of every error that a routine throws
    );
  }
  /** `name` of the original error. */
  readonly remoteName: string;

  constructor(remoteName: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.remoteName = remoteName;
  }
}
