/** The error for a payload that cannot be decoded. */
import { defineError, MerinoError } from "./merino-error.ts";

/** A payload could not be decoded: it is malformed, too deep, or names something unknown here. */
export class PayloadError extends MerinoError {
  static {
    defineError(this, { name: "PayloadError", code: "ERR_MERINO_BAD_PAYLOAD", fault: "network" });
  }
}
