/** Keys and certificates that cannot be used. */
import { defineError, MerinoError } from "./merino-error.ts";

/** What is wrong with credentials. */
export type CredentialsFault =
  /** A file cannot be read. */
  | "unreadable"
  /** A key or certificate is not what it has to be, or is cut off. */
  | "malformed"
  /** The key is encrypted, and the passphrase is missing or wrong. */
  | "passphrase"
  /** The key is not that of the certificate. */
  | "mismatch"
  /** The certificate does not lead to one of the authorities given. */
  | "untrusted"
  /** A certificate's time is over. */
  | "expired"
  /** A certificate's time has not come. */
  | "not-yet-valid"
  /** The certificate may not be used for TLS, or not on this side. */
  | "usage"
  /** The `identity` is none of the certificate's. */
  | "identity"
  /** The function that provides the material has failed, or does not end. */
  | "unavailable";

/** Credentials cannot be used: a key, a certificate or an authority is missing, damaged, too old, or does not fit the others. */
export class CredentialsError extends MerinoError {
  static {
    defineError(this, {
      name: "CredentialsError",
      code: "ERR_MERINO_CREDENTIALS",
      fault: "configuration",
    });
  }
  /** What is wrong, as a word to match on. */
  readonly reason: CredentialsFault;
  /** The file concerned, or the option, such as `option 'cert'`. */
  readonly source: string;

  /** @param details `what` is wrong, and the `remedy`, each a sentence without its full stop. */
  constructor(
    details: {
      readonly reason: CredentialsFault;
      readonly source: string;
      readonly what: string;
      readonly remedy: string;
    },
    options?: ErrorOptions,
  ) {
    const { reason, source, what, remedy } = details;
    super(`Cannot use the credentials: ${source}: ${what}. ${remedy}`, options);
    this.reason = reason;
    this.source = source;
  }
}
