/**
 * Why a TLS handshake has failed: the errors of Node and OpenSSL as reasons with words for people. Total: an error that
 * is not known keeps its own text, and has no reason.
 */
import type { HandshakeReason } from "../../errors/handshake-error.ts";
import { errorText } from "../../internal/error-text.ts";

/** A failure as people are told of it. */
export interface TlsFailure {
  /** Undefined: credentials are not to blame, as far as can be seen. */
  readonly reason: HandshakeReason | undefined;
  readonly why: string;
}

/** What the reasons mean on the side that looks at the other's certificate. */
const WHY: Readonly<Record<HandshakeReason, string>> = {
  "unknown-authority":
    "its certificate is not signed by an authority that this side knows; check that 'ca' has the authority of the worker's certificate",
  expired: "its certificate, or one that has signed it, has expired",
  "not-yet-valid":
    "its certificate, or one that has signed it, is not valid yet; compare the clocks of the hosts",
  "name-mismatch": "its certificate presents another name",
  "wrong-purpose":
    "its certificate may not be used by servers; issue it with the extended key usage 'serverAuth'",
  "certificate-missing":
    "it wants a certificate, and this side presents none; give the credentials 'cert' and 'key'",
  "certificate-refused": "it does not accept this side's certificate",
  plaintext:
    "it does not speak TLS, and this side has credentials; start the worker with credentials, or call it without",
  encrypted: "it speaks TLS, and this side has no credentials; give the pool or connection 'credentials'",
  "no-common-version": "the two sides share no version or cipher of TLS; both have to take TLS 1.2 or later",
};

/** By the `code` of the error: what the check of a certificate says, then what OpenSSL and the peer's alerts say. */
const REASONS: Readonly<Record<string, HandshakeReason>> = {
  UNABLE_TO_GET_ISSUER_CERT: "unknown-authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown-authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown-authority",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown-authority",
  DEPTH_ZERO_SELF_SIGNED_CERT: "unknown-authority",
  CERT_SIGNATURE_FAILURE: "unknown-authority",
  CERT_CHAIN_TOO_LONG: "unknown-authority",
  CERT_UNTRUSTED: "unknown-authority",
  CERT_REJECTED: "unknown-authority",
  INVALID_CA: "unknown-authority",
  PATH_LENGTH_EXCEEDED: "unknown-authority",
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "not-yet-valid",
  HOSTNAME_MISMATCH: "name-mismatch",
  ERR_TLS_CERT_ALTNAME_INVALID: "name-mismatch",
  INVALID_PURPOSE: "wrong-purpose",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "certificate-missing",
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: "certificate-missing",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "certificate-refused",
  ERR_SSL_TLSV1_ALERT_ACCESS_DENIED: "certificate-refused",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "certificate-refused",
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: "certificate-refused",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "certificate-refused",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: "certificate-refused",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "certificate-refused",
  ERR_SSL_WRONG_VERSION_NUMBER: "plaintext",
  ERR_SSL_HTTP_REQUEST: "plaintext",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "plaintext",
  ERR_SSL_UNEXPECTED_MESSAGE: "plaintext",
  ERR_SSL_RECORD_LAYER_FAILURE: "plaintext",
  ERR_SSL_BAD_RECORD_TYPE: "plaintext",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "no-common-version",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "no-common-version",
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: "no-common-version",
  ERR_SSL_NO_SHARED_CIPHER: "no-common-version",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "no-common-version",
  "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE": "no-common-version",
};

/** Says why a handshake has failed. */
export function classifyTlsError(error: unknown): TlsFailure {
  const { code } = error as { readonly code?: unknown };
  const reason = typeof code === "string" ? REASONS[code] : undefined;
  return reason === undefined ? { reason, why: errorText(error) } : { reason, why: WHY[reason] };
}

/** What a worker has against the certificate of a caller, for the caller: "it" is the worker, "yours" the caller's. */
export function certificateFault(error: unknown): string {
  // Node's types say that it is an error; it is the code of one.
  const code = typeof error === "string" ? error : (error as { readonly code?: unknown } | undefined)?.code;
  switch (typeof code === "string" ? REASONS[code] : undefined) {
    case "unknown-authority":
      return "this side's certificate is not signed by an authority that it knows";
    case "expired":
      return "this side's certificate, or one that has signed it, has expired";
    case "not-yet-valid":
      return "this side's certificate, or one that has signed it, is not valid yet; compare the clocks of the hosts";
    case "wrong-purpose":
      return "this side's certificate may not be used by clients; issue it with the extended key usage 'clientAuth'";
    default:
      return `it does not accept this side's certificate (${typeof code === "string" ? code : "for a reason it does not name"})`;
  }
}

/** The words for a reason, for whoever has found it out in another way. */
export function explainReason(reason: HandshakeReason): string {
  return WHY[reason];
}
