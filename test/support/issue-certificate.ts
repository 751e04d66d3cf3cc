/** Authorities and certificates for tests, made in memory: each call is some milliseconds, or tens of them for RSA. */
import { generateKeyPairSync, type KeyObject, type X509Certificate } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type AlternativeName, type Signer, signCertificate } from "../../src/cli/certs/sign-certificate.ts";

const DAY_MS = 86_400_000;

/** What a certificate of a test is like. */
export interface CertificateOptions {
  /** Its common name. Default `"test"`. */
  readonly name?: string;
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  readonly ips?: readonly string[];
  /** From when it is valid, in days from now. Default −1. */
  readonly fromDays?: number;
  /** Until when, in days from now. Default 30; negative ones have expired. */
  readonly days?: number;
  /** Until when, as an instant in milliseconds since 1970, in place of `days`. Whole seconds count. */
  readonly endsAtMs?: number;
  /** What it may be used for. Default both; `undefined` given: it does not say. */
  readonly usages?: readonly ("server" | "client")[] | undefined;
  readonly keyType?: "ec" | "rsa";
}

/** A certificate with its key. */
export interface IssuedCertificate {
  /** The certificate, followed by those of intermediate authorities, in PEM. */
  readonly cert: string;
  /** Its private key in PEM. */
  readonly key: string;
  /** The root in PEM: what others trust. */
  readonly ca: string;
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
}

/** Something that signs. */
export interface Authority extends IssuedCertificate {
  /** Makes a certificate for a worker or a caller. */
  issue(options?: CertificateOptions): IssuedCertificate;
  /** Makes an authority below this one. */
  intermediate(options?: CertificateOptions): Authority;
}

/** Makes a root authority. */
export function createAuthority(options: CertificateOptions = {}): Authority {
  const keys = keyPair(options.keyType);
  const certificate = signCertificate(
    { ...contentOf({ name: "test root", ...options }), authority: true, publicKey: keys.publicKey },
    { privateKey: keys.privateKey },
  );
  return authorityOf(certificate, keys.privateKey, { above: "", root: certificate.toString() });
}

/** Makes a certificate that nobody but itself has signed. */
export function issueSelfSigned(options: CertificateOptions = {}): IssuedCertificate {
  const keys = keyPair(options.keyType);
  const certificate = signCertificate(
    { ...contentOf(options), publicKey: keys.publicKey },
    { privateKey: keys.privateKey },
  );
  return issued(certificate, keys.privateKey, { above: "", root: certificate.toString() });
}

/** Writes `ca.pem`, `cert.pem` and `key.pem` into a folder, one after the other. */
export function writeCertificate(
  folder: string,
  { ca, cert, key }: Pick<IssuedCertificate, "ca" | "cert" | "key">,
): { readonly ca: string; readonly cert: string; readonly key: string } {
  mkdirSync(folder, { recursive: true });
  const files = {
    ca: path.join(folder, "ca.pem"),
    cert: path.join(folder, "cert.pem"),
    key: path.join(folder, "key.pem"),
  };
  writeFileSync(files.ca, ca);
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  return files;
}

interface Chain {
  /** The authorities between the certificate and the root, in PEM, the nearest first. */
  readonly above: string;
  readonly root: string;
}

function authorityOf(certificate: X509Certificate, privateKey: KeyObject, chain: Chain): Authority {
  const signer: Signer = { privateKey, certificate };
  const isRoot = chain.above === "" && certificate.toString() === chain.root;
  const below: Chain = { root: chain.root, above: isRoot ? "" : certificate.toString() + chain.above };
  return {
    ...issued(certificate, privateKey, chain),
    issue(options = {}) {
      const keys = keyPair(options.keyType);
      const leaf = signCertificate({ ...contentOf(options), publicKey: keys.publicKey }, signer);
      return issued(leaf, keys.privateKey, below);
    },
    intermediate(options = {}) {
      const keys = keyPair(options.keyType);
      const content = contentOf({ name: "test intermediate", ...options });
      const own = signCertificate({ ...content, authority: true, publicKey: keys.publicKey }, signer);
      return authorityOf(own, keys.privateKey, below);
    },
  };
}

function issued(certificate: X509Certificate, privateKey: KeyObject, chain: Chain): IssuedCertificate {
  return {
    certificate,
    privateKey,
    ca: chain.root,
    cert: certificate.toString() + chain.above,
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

function contentOf(options: CertificateOptions): Omit<Parameters<typeof signCertificate>[0], "publicKey"> {
  const { name = "test", dns = [], uris = [], ips = [], fromDays = -1, days = 30, endsAtMs } = options;
  const named = (type: AlternativeName["type"], values: readonly string[]): readonly AlternativeName[] =>
    values.map((value) => ({ type, value }));
  const notAfter = new Date(endsAtMs ?? Date.now() + days * DAY_MS);
  const notBefore = new Date(Math.min(Date.now() + fromDays * DAY_MS, notAfter.getTime() - DAY_MS));
  const usages = "usages" in options ? options.usages : (["server", "client"] as const);
  return {
    commonName: name,
    names: [...named("dns", dns), ...named("uri", uris), ...named("ip", ips)],
    notBefore,
    notAfter,
    ...(usages === undefined ? {} : { usages }),
  };
}

function keyPair(keyType: "ec" | "rsa" = "ec"): {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
} {
  return keyType === "rsa"
    ? generateKeyPairSync("rsa", { modulusLength: 2_048 })
    : generateKeyPairSync("ec", { namedCurve: "P-256" });
}
