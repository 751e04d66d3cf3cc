/** Finds how a certificate leads to an authority that is trusted, as OpenSSL will do it at each handshake. */
import type { X509Certificate } from "node:crypto";

/** A path that was found. */
export interface CertificatePath {
  /** When the first certificate on it ends, in milliseconds since 1970. */
  readonly endsAtMs: number;
}

/** Why there is none, by the certificate that comes closest. */
export interface BrokenPath {
  readonly fault: "expired" | "not-yet-valid" | "not-an-authority" | "untrusted";
  readonly certificate: X509Certificate;
}

/**
 * Looks for a path from the first certificate of a chain to one of the authorities that has signed itself.
 *
 * @param chain The certificate itself, and after it those of authorities in between, in any order.
 * @param authorities Absent: others know whom they trust, and only the chain itself is looked at.
 */
export function findPath(
  chain: readonly X509Certificate[],
  authorities: readonly X509Certificate[] | undefined,
  nowMs: number,
): CertificatePath | BrokenPath {
  const candidates = [
    ...new Map([...chain, ...(authorities ?? [])].map((each) => [each.fingerprint256, each])).values(),
  ];
  const trusted = new Set(authorities?.map(({ fingerprint256 }) => fingerprint256));
  // Of several ways up, as between an old root and a new one, the first good one counts. Each certificate is looked at
  // once, so that there is an end whatever signs what.
  const seen = new Set<X509Certificate>();
  const up = (certificate: X509Certificate, endsAtMs: number): CertificatePath | BrokenPath => {
    seen.add(certificate);
    const ends = Date.parse(certificate.validTo);
    if (ends <= nowMs) return { fault: "expired", certificate };
    if (Date.parse(certificate.validFrom) > nowMs) return { fault: "not-yet-valid", certificate };
    const end = Math.min(endsAtMs, ends);
    if (isSelfSigned(certificate) && (authorities === undefined || trusted.has(certificate.fingerprint256))) {
      return { endsAtMs: end };
    }
    let broken: BrokenPath | undefined;
    for (const issuer of candidates) {
      if (seen.has(issuer) || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey))
        continue;
      const found = issuer.ca
        ? up(issuer, end)
        : ({ fault: "not-an-authority", certificate: issuer } as const);
      if (!("fault" in found)) return found;
      broken ??= found;
    }
    if (broken !== undefined) return broken;
    return authorities === undefined ? { endsAtMs: end } : { fault: "untrusted", certificate };
  };
  return up(candidates[0] as X509Certificate, Number.POSITIVE_INFINITY);
}

/** Not by `checkIssued`, which demands of it that it may sign others as well. */
function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
}
