/** Makes material of what users give: whole, with parts that fit each other, and valid now; or an error that says why not. */
import type { X509Certificate } from "node:crypto";
import { CredentialsError } from "../../errors/credentials-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { coversIdentity, identitiesOf } from "../peers/identities.ts";
import type { TrustMaterial, TrustPolicy } from "../trust.ts";
import { isForTls } from "../uses.ts";
import { type CertificatePath, findPath } from "./certificate-path.ts";
import { type Pem, parseCertificates, parsePrivateKey } from "./pem.ts";

/** Keys and certificates as they are given. Which of them there have to be has been decided. */
export interface GivenMaterial {
  readonly ca?: Pem | undefined;
  readonly cert?: Pem | undefined;
  readonly key?: Pem | undefined;
  readonly passphrase?: string | undefined;
}

/** What the parts of the material are called in errors. */
export interface MaterialSources {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * Checks that material is whole, and makes it what it is used as.
 *
 * @param nowMs The present, in milliseconds since 1970.
 * @throws {@link CredentialsError} for the first fault that is found.
 */
export function checkMaterial(
  given: GivenMaterial,
  policy: TrustPolicy,
  sources: MaterialSources,
  nowMs: number,
): TrustMaterial {
  const authorities = given.ca === undefined ? undefined : parseCertificates(given.ca, sources.ca);
  if (given.cert === undefined || given.key === undefined) {
    return {
      ca: toPem(authorities),
      identities: [],
      endsAtMs: authorities === undefined ? undefined : lastEnd(authorities, sources.ca, nowMs),
    };
  }
  const chain = parseCertificates(given.cert, sources.cert);
  const [own] = chain as [X509Certificate, ...X509Certificate[]];
  const privateKey = parsePrivateKey(given.key, sources.key, given.passphrase);
  if (!own.checkPrivateKey(privateKey)) throw mismatch(own, sources);
  const { endsAtMs } = pathOf(chain, authorities, sources, nowMs);
  assertForTls(own, sources.cert);
  const identities = identitiesOf(own);
  assertIdentity(policy.identity, identities, sources.cert);
  const material: TrustMaterial = {
    ca: toPem(authorities),
    cert: toPem(chain),
    // Decrypted, so that nobody has to keep the passphrase. PEM is a string.
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    identities,
    endsAtMs,
  };
  assertTaken(material, sources.cert);
  return material;
}

function toPem(certificates: readonly X509Certificate[] | undefined): string | undefined {
  return certificates?.map(String).join("");
}

function mismatch(own: X509Certificate, sources: MaterialSources): CredentialsError {
  return new CredentialsError({
    reason: "mismatch",
    source: sources.key,
    what: `the key is not that of the certificate in ${sources.cert}, for ${subjectOf(own)}`,
    remedy:
      "Give the key with which the certificate was requested; in a file with several certificates, its own comes first",
  });
}

function pathOf(
  chain: readonly X509Certificate[],
  authorities: readonly X509Certificate[] | undefined,
  sources: MaterialSources,
  nowMs: number,
): CertificatePath {
  const found = findPath(chain, authorities, nowMs);
  if (!("fault" in found)) return found;
  const { fault, certificate } = found;
  const subject = subjectOf(certificate);
  // One that is in both files is an authority's.
  const source = chain.some(({ raw }) => raw.equals(certificate.raw)) ? sources.cert : sources.ca;
  switch (fault) {
    case "expired":
    case "not-yet-valid":
      throw outOfTime(fault, certificate, source);
    case "not-an-authority":
      throw new CredentialsError({
        reason: "untrusted",
        source,
        what: `the certificate for ${subject} has signed another, and is not an authority's`,
        remedy: "Have the certificate issued by an authority",
      });
    case "untrusted":
      throw new CredentialsError({
        reason: "untrusted",
        source: sources.cert,
        what: `the certificate for ${subject} was issued by ${namesOf(certificate.issuer)}, which is not among the authorities in ${sources.ca}`,
        remedy:
          "Put the certificates of authorities in between after its own, and the root into 'ca'; or have it issued by that authority",
      });
  }
}

function outOfTime(
  fault: "expired" | "not-yet-valid",
  certificate: X509Certificate,
  source: string,
): CredentialsError {
  const what =
    fault === "expired"
      ? `has expired at ${new Date(certificate.validTo).toISOString()}`
      : `is not valid before ${new Date(certificate.validFrom).toISOString()}`;
  return new CredentialsError({
    reason: fault,
    source,
    what: `the certificate for ${subjectOf(certificate)} ${what}`,
    remedy: fault === "expired" ? "Have a new one issued" : "Check the clock of this machine",
  });
}

/** When the last of the authorities ends: from then on nobody can be verified by them. */
function lastEnd(authorities: readonly X509Certificate[], source: string, nowMs: number): number | undefined {
  let last: X509Certificate | undefined;
  for (const authority of authorities) {
    if (last === undefined || Date.parse(authority.validTo) > Date.parse(last.validTo)) last = authority;
  }
  const endsAtMs = last === undefined ? undefined : Date.parse(last.validTo);
  if (last !== undefined && endsAtMs !== undefined && endsAtMs <= nowMs)
    throw outOfTime("expired", last, source);
  return endsAtMs;
}

function assertForTls(own: X509Certificate, source: string): void {
  if (isForTls(own.keyUsage as readonly string[] | undefined)) return;
  throw new CredentialsError({
    reason: "usage",
    source,
    what: `the certificate for ${subjectOf(own)} may be used neither for servers nor for clients of TLS`,
    remedy: "Have one issued with the extended key usages serverAuth and clientAuth",
  });
}

function assertIdentity(identity: string | undefined, identities: readonly string[], source: string): void {
  if (identity === undefined || coversIdentity(identities, identity)) return;
  const presented = identities.length === 0 ? "none" : identities.map((name) => `'${name}'`).join(", ");
  throw new CredentialsError({
    reason: "identity",
    source,
    what: `the identity '${identity}' is none of the certificate's, which has ${presented}`,
    remedy: "Give one of those as 'identity', or have a certificate issued that has it",
  });
}

/** The last word has OpenSSL, which takes no weak keys or signatures, for example. */
function assertTaken({ ca, cert, key }: TrustMaterial, source: string): void {
  try {
    process.getBuiltinModule("node:tls").createSecureContext({ ca, cert, key });
  } catch (error) {
    throw new CredentialsError(
      {
        reason: "malformed",
        source,
        what: `OpenSSL does not take it: ${errorText(error)}`,
        remedy: "Have one issued with a key and a signature of today's strength",
      },
      { cause: error },
    );
  }
}

function subjectOf(certificate: X509Certificate): string {
  return certificate.subject === undefined || certificate.subject === ""
    ? `serial number ${certificate.serialNumber}`
    : namesOf(certificate.subject);
}

/** Node writes each part of a name on a line of its own. */
function namesOf(name: string): string {
  return `'${name.replaceAll("\n", ", ")}'`;
}
