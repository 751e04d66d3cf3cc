/**
 * Who is on the other side of a connection, by its certificate, and whether this side's credentials accept it. The chain
 * of the certificate has been checked before.
 */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { Trust, TrustPolicy } from "../trust.ts";
import { canonicalIdentity, coversIdentity, identitiesOf } from "./identities.ts";
import { type IdentityMatcher, identityMatcher } from "./identity-pattern.ts";

/** What a caller expects of a worker. */
export interface ExpectedWorker {
  readonly trust: Trust;
  /** The name in its record. */
  readonly identity: string | undefined;
  /** The host that was dialled: an address, or a name. */
  readonly host: string;
}

/** Why a worker is not the one that is meant. */
export interface StrangeWorker {
  /** In words, for a sentence that begins with "expected". */
  readonly expected: string;
  readonly presented: readonly string[];
}

const matchers = new WeakMap<TrustPolicy, IdentityMatcher>();

/**
 * Judges a worker. It has to present the name in its record. Without one, it has to present a name of `peers`, and
 * without these, the host that was dialled. A name of `peers` is asked for in any case.
 *
 * @returns Why it is not accepted, or `undefined` if it is.
 */
export function judgeWorker(
  certificate: X509Certificate,
  { trust, identity, host }: ExpectedWorker,
): StrangeWorker | undefined {
  const presented = identitiesOf(certificate);
  if (identity !== undefined) {
    if (!coversIdentity(presented, canonicalIdentity(identity)))
      return { expected: `'${identity}'`, presented };
  } else if (!hasPeers(trust) && !isHost(certificate, host)) {
    return { expected: `the host '${host}'`, presented };
  }
  return isAccepted(presented, trust) ? undefined : { expected: "one that 'peers' accepts", presented };
}

/** Tells whether the identities of the other side are among those that this side accepts. */
export function isAccepted(
  identities: readonly string[],
  { policy, judge }: Pick<Trust, "policy" | "judge">,
): boolean {
  if (judge !== undefined) return judge(identities) === true;
  if (policy.peers === undefined) return true;
  let matcher = matchers.get(policy);
  if (matcher === undefined) {
    matcher = identityMatcher(policy.peers);
    matchers.set(policy, matcher);
  }
  return matcher.matches(identities);
}

function hasPeers({ policy, judge }: Trust): boolean {
  return policy.peers !== undefined || judge !== undefined;
}

/** The rules for names of hosts are those of the web: RFC 6125. */
function isHost(certificate: X509Certificate, host: string): boolean {
  const plain = host.replace(/%.*$/, ""); // the zone of a link-local address means something to this host only
  return (isIP(plain) === 0 ? certificate.checkHost(plain) : certificate.checkIP(plain)) !== undefined;
}
