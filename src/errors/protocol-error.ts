/** A peer that breaks the wire protocol. */
import { defineError, MerinoError } from "./merino-error.ts";

/**
 * The peer sent bytes that the protocol does not allow. The stream was ended, or the whole connection if nobody can
 * tell where the next frame begins.
 */
export class ProtocolError extends MerinoError {
  static {
    defineError(this, { name: "ProtocolError", code: "ERR_MERINO_PROTOCOL", fault: "network" });
  }
  /** `"CODEC"` when the peers have no payload codec in common; absent for malformed bytes and broken rules. */
  readonly refusal: "CODEC" | undefined;

  constructor(message: string, options: ErrorOptions & { readonly refusal?: "CODEC" } = {}) {
    const { refusal, ...rest } = options;
    super(message, rest);
    this.refusal = refusal;
  }
}
