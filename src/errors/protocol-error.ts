/** A peer that breaks the wire protocol. */
import { defineError, MerinoError } from "./merino-error.ts";

/** The peer sent bytes that the protocol does not allow. The stream, or the connection where its frame boundary is lost, was ended. */
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
