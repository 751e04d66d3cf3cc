/** The error for a payload that cannot be decoded. */
import { defineError, MerinoError } from "./merino-error.ts";

/** A payload could not be decoded: it is malformed, too deep, or names something unknown here. */
export class PayloadError extends MerinoError {
  static {
    defineError(this, { name: "PayloadError", code: "ERR_MERINO_BAD_PAYLOAD", fault: "network" });
  }
  /** Whether the bytes are no value for anybody. False where this process does not know what they name, or cannot hold it. */
  readonly malformed: boolean;

  constructor(message: string, options: ErrorOptions & { readonly malformed?: boolean } = {}) {
    const { malformed = false, ...rest } = options;
    super(message, rest);
    this.malformed = malformed;
  }
}
