/**
 * Makes X.509 certificates: of version 3, signed with SHA-256 by a key on P-256 or of RSA. It decides nothing: who gets
 * which, and for how long, does `certs-command.ts`.
 */
import { createHash, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import {
  bitString,
  explicit,
  integer,
  NULL,
  objectId,
  octetString,
  sequence,
  setOf,
  TRUE,
  tagged,
  time,
  utf8String,
} from "./der.ts";

/** One name of a certificate's holder. */
export interface AlternativeName {
  readonly type: "dns" | "uri" | "ip";
  readonly value: string;
}

/** What a certificate is to say. */
export interface CertificateContent {
  readonly commonName: string;
  readonly names?: readonly AlternativeName[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: KeyObject;
  /** What the key may be used for in TLS. Absent: the certificate does not say. */
  readonly usages?: readonly ("server" | "client")[];
  /** Whether it may sign other certificates. Default: it may not. */
  readonly authority?: boolean;
}

/** Who signs. */
export interface Signer {
  readonly privateKey: KeyObject;
  /** The signer's own certificate. Absent: the certificate is signed with its own key. */
  readonly certificate?: X509Certificate;
}

const USAGE_IDS = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;
const NAME_TAGS = { dns: 0x82, uri: 0x86, ip: 0x87 } as const;
const COMMON_NAME_ID = "2.5.4.3";

/** Makes a certificate, and signs it. */
export function signCertificate(content: CertificateContent, signer: Signer): X509Certificate {
  const { privateKey, certificate: issuer } = signer;
  const subject = nameOf(content.commonName);
  const algorithm = algorithmOf(privateKey);
  const keyInfo = content.publicKey.export({ type: "spki", format: "der" });
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))), // version 3
    integer(serialNumber()),
    algorithm,
    issuer === undefined ? subject : subjectOf(issuer),
    sequence(time(content.notBefore), time(content.notAfter)),
    subject,
    keyInfo,
    explicit(3, sequence(...extensions(content, issuer))),
  );
  const signature = sign("sha256", body, privateKey);
  return new X509Certificate(sequence(body, algorithm, bitString(signature)));
}

function extensions(content: CertificateContent, issuer: X509Certificate | undefined): readonly Buffer[] {
  const { authority = false, names = [], usages } = content;
  const list = [
    critical("2.5.29.19", authority ? sequence(TRUE) : sequence()),
    // digitalSignature, or keyCertSign and cRLSign
    critical("2.5.29.15", authority ? bitString(Buffer.from([0x06]), 1) : bitString(Buffer.from([0x80]), 7)),
    extension("2.5.29.14", octetString(keyId(content.publicKey))),
  ];
  // Only where the issuer's certificate bears this very id: another maker may have another way to find one.
  if (issuer !== undefined) {
    const id = keyId(issuer.publicKey);
    if (issuer.raw.includes(octetString(id))) list.push(extension("2.5.29.35", sequence(tagged(0x80, id))));
  }
  if (usages !== undefined) {
    list.push(extension("2.5.29.37", sequence(...usages.map((usage) => objectId(USAGE_IDS[usage])))));
  }
  if (names.length > 0) {
    list.push(
      extension(
        "2.5.29.17",
        sequence(...names.map(({ type, value }) => tagged(NAME_TAGS[type], bytesOf(type, value)))),
      ),
    );
  }
  return list;
}

function bytesOf(type: AlternativeName["type"], value: string): Buffer {
  return type === "ip" ? addressBytes(value) : Buffer.from(value, "latin1");
}

/** The 4 or 16 bytes of an address. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const groups = (text: string): readonly number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail ?? "")];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of before.entries()) bytes.writeUInt16BE(group, index * 2);
  for (const [index, group] of after.entries()) bytes.writeUInt16BE(group, 16 - (after.length - index) * 2);
  return bytes;
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(objectId(id), octetString(value));
}

function critical(id: string, value: Buffer): Buffer {
  return sequence(objectId(id), TRUE, octetString(value));
}

function nameOf(commonName: string): Buffer {
  return sequence(setOf(sequence(objectId(COMMON_NAME_ID), utf8String(commonName))));
}

/** 16 random bytes, of which the first is neither 0 nor negative: RFC 5280 wants it positive and at most 20 bytes long. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

/** The id of a key: SHA-1 of its bits, the first method of RFC 5280, 4.2.1.2. It names the key, and protects nothing. */
function keyId(key: KeyObject): Buffer {
  const info = key.export({ type: "spki", format: "der" });
  const [, bits] = membersOf(info);
  return createHash("sha1")
    .update((bits as Buffer).subarray(headerLength(bits as Buffer) + 1))
    .digest();
}

function algorithmOf(key: KeyObject): Buffer {
  if (key.asymmetricKeyType === "ec") return sequence(objectId("1.2.840.10045.4.3.2"));
  if (key.asymmetricKeyType === "rsa") return sequence(objectId("1.2.840.113549.1.1.11"), NULL);
  throw new TypeError(`A key of type '${key.asymmetricKeyType}' cannot sign certificates here`);
}

/** The name of a certificate's holder, byte by byte as it is there: an issuer's name is compared in this form. */
function subjectOf(certificate: X509Certificate): Buffer {
  const [body] = membersOf(certificate.raw);
  return membersOf(body as Buffer)[5] as Buffer;
}

/** The members of a sequence, headers included. What Node has taken for a key or certificate is well formed. */
function membersOf(sequenceBytes: Buffer): readonly Buffer[] {
  const members: Buffer[] = [];
  let at = headerLength(sequenceBytes);
  while (at < sequenceBytes.length) {
    const rest = sequenceBytes.subarray(at);
    const length = headerLength(rest) + contentLength(rest);
    members.push(rest.subarray(0, length));
    at += length;
  }
  return members;
}

function headerLength(value: Buffer): number {
  const first = value[1] ?? 0;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

function contentLength(value: Buffer): number {
  const first = value[1] ?? 0;
  return first < 0x80 ? first : value.readUIntBE(2, first & 0x7f);
}
