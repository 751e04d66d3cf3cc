/** Takes PEM apart: certificates and private keys, as they are in files. Whatever is around them is left out. */
import type { KeyObject, X509Certificate } from "node:crypto";
import { CredentialsError } from "../../errors/credentials-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { hasCode } from "../../internal/has-code.ts";

/** Text in PEM, or its bytes. */
export type Pem = string | Uint8Array;

/** The most that is taken for keys or certificates: more than the authorities of a whole operating system. */
export const MAX_PEM_BYTES: number = 1_048_576;

const BEGIN = "-----BEGIN CERTIFICATE-----";
const END = "-----END CERTIFICATE-----";

/** The module with the certificates of Node. It is not loaded before somebody has credentials. */
function crypto(): typeof import("node:crypto") {
  return process.getBuiltinModule("node:crypto");
}

/**
 * Reads certificates.
 *
 * @param source Where they come from, for errors.
 * @returns At least one, in their order.
 * @throws {@link CredentialsError} if one is damaged or cut off, or there is none.
 */
export function parseCertificates(pem: Pem, source: string): readonly X509Certificate[] {
  const text = textOf(pem, source);
  const { X509Certificate } = crypto();
  const certificates: X509Certificate[] = [];
  for (let start = text.indexOf(BEGIN); start >= 0; ) {
    const next = text.indexOf(BEGIN, start + 1);
    const end = text.indexOf(END, start);
    const which = `certificate ${certificates.length + 1}`;
    if (end < 0 || (next >= 0 && next < end)) {
      throw malformed(source, `${which} is cut off: it has no line '${END}'`);
    }
    try {
      certificates.push(new X509Certificate(text.slice(start, end + END.length)));
    } catch (error) {
      throw malformed(source, `${which} is damaged: ${errorText(error)}`, error);
    }
    start = next;
  }
  if (certificates.length > 0) return certificates;
  throw malformed(
    source,
    text.trim() === "" ? "it is empty" : `it has no certificate, which begins with '${BEGIN}'`,
  );
}

/**
 * Reads a private key, and decrypts it if it is encrypted.
 *
 * @param source Where it comes from, for errors.
 * @throws {@link CredentialsError} if it is damaged, or cannot be decrypted.
 */
export function parsePrivateKey(pem: Pem, source: string, passphrase: string | undefined): KeyObject {
  const text = textOf(pem, source);
  if (text.trim() === "") throw malformed(source, "it is empty");
  try {
    return crypto().createPrivateKey({
      key: text,
      format: "pem",
      ...(passphrase === undefined ? {} : { passphrase }),
    });
  } catch (error) {
    if (!isEncrypted(text) && !hasCode(error, "ERR_MISSING_PASSPHRASE")) {
      throw malformed(source, "it has no private key in PEM that can be read", error);
    }
    const missing = passphrase === undefined;
    throw new CredentialsError(
      {
        reason: "passphrase",
        source,
        what: missing ? "the key is encrypted" : "the passphrase does not decrypt the key",
        remedy: missing ? "Give its passphrase as the option 'passphrase'" : "Check the option 'passphrase'",
      },
      { cause: error },
    );
  }
}

function isEncrypted(text: string): boolean {
  return text.includes("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.includes("Proc-Type: 4,ENCRYPTED");
}

function textOf(pem: Pem, source: string): string {
  if (pem.length > MAX_PEM_BYTES) throw malformed(source, `it has more than ${MAX_PEM_BYTES} bytes`);
  return typeof pem === "string"
    ? pem
    : Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength).toString("latin1");
}

function malformed(source: string, what: string, cause?: unknown): CredentialsError {
  return new CredentialsError(
    { reason: "malformed", source, what, remedy: "Write it anew, in PEM" },
    { cause },
  );
}
