/** A connection that could not be set up. */
import { defineError, MerinoError } from "./merino-error.ts";

/**
 * Why two sides cannot talk to each other over TLS.
 *
 * - `"unknown-authority"`: the worker's certificate leads to no authority of this side's `ca`.
 * - `"expired"`, `"not-yet-valid"`: the worker's certificate, or one above it, does not hold now.
 * - `"name-mismatch"`: the worker's certificate presents other names than the one expected.
 * - `"wrong-purpose"`: the worker's certificate is not one for servers.
 * - `"certificate-missing"`: the worker wants a certificate, and this side presents none.
 * - `"certificate-refused"`: the worker does not accept this side's certificate.
 * - `"plaintext"`: the other side does not speak TLS, and this side has credentials.
 * - `"encrypted"`: the other side speaks TLS, and this side has no credentials.
 * - `"no-common-version"`: there is no version of TLS, or no cipher, that both sides take.
 */
export type HandshakeReason =
  | "unknown-authority"
  | "expired"
  | "not-yet-valid"
  | "name-mismatch"
  | "wrong-purpose"
  | "certificate-missing"
  | "certificate-refused"
  | "plaintext"
  | "encrypted"
  | "no-common-version";

/** A connection to a worker could not be established, or the peer is not the worker expected at that address. */
export class HandshakeError extends MerinoError {
  static {
    defineError(this, { name: "HandshakeError", code: "ERR_MERINO_HANDSHAKE", fault: "network" });
  }
  /** What is wrong between the two sides' credentials, if that is why. */
  declare readonly reason?: HandshakeReason;

  constructor(
    message: string,
    options: ErrorOptions & { readonly reason?: HandshakeReason | undefined } = {},
  ) {
    const { reason, ...rest } = options;
    super(message, rest);
    if (reason !== undefined) this.reason = reason;
  }
}

/** The reason that an error, or one that it was caused by, has for failing between credentials. */
export function handshakeReason(error: unknown): HandshakeReason | undefined {
  let looked = error;
  for (let depth = 0; depth < 4 && looked instanceof Error; depth += 1) {
    const { reason } = looked as { readonly reason?: unknown };
    if (looked.name === "HandshakeError" && typeof reason === "string") return reason as HandshakeReason;
    looked = looked.cause;
  }
  return undefined;
}
