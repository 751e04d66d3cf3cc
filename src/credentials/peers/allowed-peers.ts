/** Which callers are allowed something: by the identities that they have proved, or by a function of the user. */
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { identityMatcher } from "./identity-pattern.ts";
import type { Peer } from "./peer.ts";

/**
 * Identities and patterns of them, as `"api.example"`, `"*.ops.example"` and `"spiffe://farm/*"`, of which a caller has
 * to have proved one; or a function that decides, at once and with `true`. Anything else it does denies.
 */
export type AllowedPeers = readonly string[] | ((peer: Peer) => boolean);

/** {@link AllowedPeers}, checked. */
export interface Allowance {
  /** Whether a caller is allowed. Never throws. */
  permits(peer: Peer): boolean;
  /** Whether it answers the same each time that it is asked of one caller: not if a function of the user decides. */
  readonly constant: boolean;
}

const MAX_PATTERNS = 10_000;

/**
 * Checks who is allowed.
 *
 * @param option Its name, for the error.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION) for anything that is neither.
 */
export function resolveAllowedPeers(option: string, value: AllowedPeers): Allowance {
  if (typeof value === "function") {
    return {
      constant: false,
      permits: (peer) => {
        try {
          return value(peer) === true;
        } catch {
          return false;
        }
      },
    };
  }
  if (!Array.isArray(value) || value.length > MAX_PATTERNS) {
    throw new InvalidOptionError(option, {
      value,
      expected: `an array of at most ${MAX_PATTERNS} identities, as ["spiffe://farm/api", "*.ops.example"], or a function of the caller`,
    });
  }
  const matcher = identityMatcher(value, option);
  // Identities that nobody has verified are none.
  return { constant: true, permits: (peer) => peer.verified && matcher.matches(peer.identities) };
}
