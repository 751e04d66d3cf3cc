/** A connection that could not be set up. */
import { defineError, MerinoError } from "./merino-error.ts";

/** A connection to a worker could not be established, or the peer is not the worker expected at that address. */
export class HandshakeError extends MerinoError {
  static {
    defineError(this, { name: "HandshakeError", code: "ERR_MERINO_HANDSHAKE", fault: "network" });
  }
}
