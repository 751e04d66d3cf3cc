/**
 * Patterns of identities, by which a side says whom it accepts. Each is taken apart once; matching an identity takes time
 * in proportion to its length and to the number of patterns that end with `/*`.
 *
 * A pattern is for one kind of identity:
 * - a DNS name, in any case. `*` as its first label stands for one label, as in certificates: `*.jobs.example`;
 * - a URI, exactly as it is in the certificate. `/*` at its end stands for any path that goes on: `spiffe://farm/*`;
 * - an IP address, in any spelling;
 * - the common name of a certificate that has no other names, in any case.
 *
 * `*` alone stands for any identity.
 */
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { canonicalIdentity, isCommonName, isDnsName, kindOfIdentity } from "./identities.ts";

/** Judges identities by patterns. */
export interface IdentityMatcher {
  /** Whether one of the identities fits one of the patterns. */
  matches(identities: readonly string[]): boolean;
}

const EXPECTED =
  "names such as 'worker-1.example', '*.jobs.example' or 'spiffe://farm/*', with '*' only as the first label of a DNS name or as the end of a URI's path";
const MAX_PATTERN = 2_048;

/**
 * Makes the matcher of some patterns.
 *
 * @param option The option that they come from, for its error.
 * @throws {@link InvalidOptionError} if one of them could never match, or `*` stands where it has no meaning.
 */
export function identityMatcher(patterns: readonly string[], option = "peers"): IdentityMatcher {
  const exact = new Set<string>();
  const parents = new Set<string>();
  const beginnings: string[] = [];
  let any = false;
  for (const pattern of patterns) {
    if (pattern === "*") any = true;
    else if (typeof pattern === "string" && isUriPrefix(pattern)) beginnings.push(pattern.slice(0, -1));
    else if (isIdentity(pattern)) {
      const identity = canonicalIdentity(pattern);
      if (identity.startsWith("*.")) parents.add(identity.slice(1));
      else exact.add(identity);
    } else throw new InvalidOptionError(option, { value: pattern, expected: EXPECTED });
  }
  const matchesOne = (text: string): boolean => {
    if (any) return true;
    const identity = canonicalIdentity(text);
    if (exact.has(identity)) return true;
    if (kindOfIdentity(identity) === "uri") {
      return beginnings.some((start) => identity.length > start.length && identity.startsWith(start));
    }
    const dot = parents.size === 0 ? -1 : identity.indexOf(".");
    return dot > 0 && parents.has(identity.slice(dot)) && isDnsName(identity);
  };
  return { matches: (identities) => identities.some(matchesOne) };
}

function isUriPrefix(pattern: string): boolean {
  if (!pattern.endsWith("/*") || pattern.length > MAX_PATTERN || kindOfIdentity(pattern) !== "uri")
    return false;
  const start = pattern.slice(0, -1);
  // Whoever is named comes between `//` and the next slash: a pattern has to say that much.
  return /^[a-z][a-z0-9+.-]*:\/\/[^/*]+\/[^*]*$/i.test(start);
}

function isIdentity(pattern: unknown): pattern is string {
  if (typeof pattern !== "string" || pattern.length > MAX_PATTERN) return false;
  switch (kindOfIdentity(pattern)) {
    case "address":
      return true;
    case "uri":
      return !pattern.includes("*");
    case "name": {
      const name = pattern.toLowerCase();
      return isDnsName(name) || isCommonName(name);
    }
  }
}
