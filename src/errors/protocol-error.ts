/** A peer that breaks the wire protocol. */
import { defineError, MerinoError } from "./merino-error.ts";

/** The peer sent bytes that the protocol does not allow. The stream, or the connection where its frame boundary is lost, was ended. */
export class ProtocolError extends MerinoError {
  static {
    defineError(this, { name: "ProtocolError", code: "ERR_MERINO_PROTOCOL", fault: "network" });
  }
}
