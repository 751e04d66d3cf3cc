/**
 * What a certificate says its holder is. Names that could be taken for another kind of name are left out, so that the
 * kind of an identity can be told from its text: an IP address, a URI with its scheme, or else a name.
 */

import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { PeerCertificate } from "node:tls";
import { canonicalIPv6 } from "../../internal/canonical-ipv6.ts";

/** The kinds of identities. */
export type IdentityKind = "address" | "uri" | "name";

/** What the identities of a certificate are read from: what a TLS socket tells of its peer will do. */
export type NamedCertificate = Pick<Partial<PeerCertificate>, "subjectaltname" | "subject">;

const SCHEME = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i;
/** The most that X.509 allows for a common name; and what cannot be taken for anything else. */
const COMMON_NAME = /^[a-z0-9_](?:[a-z0-9 _.@-]{0,62}[a-z0-9_])?$/i;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const MAX_NAME = 253;
const MAX_URI = 2_048;
/** One of the values that Node has quoted, with the escapes of JSON. */
const QUOTED = /"(?:[^"\\]|\\.)*"/y;

/**
 * The identities of a certificate: DNS names (in lower case), URIs and IP addresses from its alternative names, in the
 * order there. One without any of these is known by its common name.
 */
export function identitiesOf(certificate: X509Certificate): readonly string[] {
  // Not by `toLegacyObject()`: where that is the first to load `node:tls`, that module lacks `createSecureContext` for
  // everybody from then on (Node 20.20.2).
  const commonNames = (certificate.subject ?? "").split("\n").filter((line) => line.startsWith("CN="));
  const [commonName] = commonNames.length === 1 ? commonNames : [];
  return identitiesFrom(certificate.subjectAltName, commonName?.slice(3));
}

/**
 * As {@link identitiesOf}, from what `getPeerCertificate()` of a TLS socket returns.
 *
 * @internal for whoever has a socket
 */
export function identitiesOfPeer({ subjectaltname, subject }: NamedCertificate): readonly string[] {
  // Several common names arrive as an array; none of them is the name then.
  const commonName: unknown = subject?.CN;
  return identitiesFrom(subjectaltname, typeof commonName === "string" ? commonName : undefined);
}

function identitiesFrom(
  subjectAltName: string | undefined,
  commonName: string | undefined,
): readonly string[] {
  const alternatives = subjectAltName === undefined ? [] : alternativeNames(subjectAltName);
  const identities = new Set<string>();
  let known = false;
  for (const [type, value] of alternatives) {
    known ||= type === "DNS" || type === "URI" || type === "IP Address";
    const identity = identityFrom(type, value);
    if (identity !== undefined) identities.add(identity);
  }
  // RFC 6125, 6.4.4: the common name counts only where no other name does. Malformed ones count as well.
  if (known || (subjectAltName !== undefined && alternatives.length === 0)) return [...identities];
  if (commonName !== undefined && isCommonName(commonName)) identities.add(commonName);
  return [...identities];
}

/** Tells the kind of an identity from its text. */
export function kindOfIdentity(text: string): IdentityKind {
  if (isIP(text) !== 0) return "address";
  return SCHEME.test(text) ? "uri" : "name";
}

/** Identities that mean the same in one form: names in lower case, addresses in their shortest form. */
export function canonicalIdentity(text: string): string {
  switch (kindOfIdentity(text)) {
    case "address":
      return canonicalAddress(text);
    case "uri":
      return text;
    case "name":
      return text.toLowerCase();
  }
}

/**
 * Whether a certificate is valid for a name: it is one of its identities, or one of them is a DNS name with `*` as its
 * first label, which stands for any one label.
 *
 * @param name In the form of {@link canonicalIdentity}.
 */
export function coversIdentity(identities: readonly string[], name: string): boolean {
  if (identities.some((identity) => canonicalIdentity(identity) === name)) return true;
  const dot = name.indexOf(".");
  return dot > 0 && isDnsName(name) && identities.includes(`*${name.slice(dot)}`);
}

/** Whether it is a DNS name in lower case. The first label may be `*`, as in certificates. */
export function isDnsName(text: string): boolean {
  if (text.length > MAX_NAME || isNumeric(text)) return false;
  const labels = text.split(".");
  if (labels[0] === "*" && labels.length > 1) labels.shift();
  return labels.every((label) => LABEL.test(label));
}

/** Whether a common name can be taken for nothing else. */
export function isCommonName(text: string): boolean {
  return COMMON_NAME.test(text) && !isNumeric(text);
}

function identityFrom(type: string, value: string): string | undefined {
  switch (type) {
    case "DNS": {
      const name = value.toLowerCase();
      return isDnsName(name) ? name : undefined;
    }
    case "URI":
      return value.length <= MAX_URI && kindOfIdentity(value) === "uri" ? value : undefined;
    case "IP Address":
      return isIP(value) === 0 ? undefined : canonicalAddress(value);
    default:
      return undefined; // e-mail addresses, directory names and others name no worker or service
  }
}

/**
 * Takes apart what Node writes alternative names as: `DNS:a.example, URI:"…", IP Address:10.0.0.1`. A value with
 * characters that could end it is quoted there.
 *
 * @returns Nothing at all if the text is not of that form.
 * @see https://nodejs.org/api/crypto.html#x509subjectaltname, and CVE-2021-44532 for what splitting at commas leads to.
 */
function alternativeNames(text: string): readonly (readonly [type: string, value: string])[] {
  const names: (readonly [string, string])[] = [];
  let at = 0;
  while (at < text.length) {
    const colon = text.indexOf(":", at);
    if (colon < 0) return [];
    const type = text.slice(at, colon);
    // `othername:…` has a second type before its value.
    let start = colon + 1;
    if (type === "othername") {
      const inner = /[A-Za-z0-9]+:(?=")/y;
      inner.lastIndex = start;
      if (inner.test(text)) start = inner.lastIndex;
    }
    let end: number;
    let value: string | undefined;
    if (text[start] === '"') {
      QUOTED.lastIndex = start;
      const quoted = QUOTED.exec(text)?.[0];
      value = quoted === undefined ? undefined : unquoted(quoted);
      if (quoted === undefined || value === undefined) return [];
      end = start + quoted.length;
    } else {
      const comma = text.indexOf(", ", start);
      end = comma < 0 ? text.length : comma;
      value = text.slice(start, end);
      if (/["\\,]/.test(value)) return []; // Node would have quoted it
    }
    names.push([type, value]);
    if (end === text.length) break;
    if (!text.startsWith(", ", end)) return [];
    at = end + 2;
    if (at === text.length) return [];
  }
  return names;
}

function unquoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `0:0:0:0:0:0:0:1`, as certificates have it, is `::1`. */
function canonicalAddress(address: string): string {
  return address.includes(":") ? canonicalIPv6(address) : address;
}

/** Whether it ends like an IPv4 address, in whichever spelling: what does is no name. */
function isNumeric(name: string): boolean {
  return /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/i.test(name);
}
