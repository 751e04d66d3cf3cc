/** Material that stays until it is replaced from outside: read once, or received from another process or thread. */
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import type { Trust, TrustData, TrustMaterial } from "../trust.ts";
import {
  assertNotEnded,
  Followers,
  isSameMaterial,
  type MaterialSource,
  nextTrustKey,
  type SourceTime,
  systemTime,
} from "./material-source.ts";

/** A source whose material can be replaced. */
export interface RenewableMaterial extends MaterialSource {
  /** Puts other material in place of the present one, and tells all who follow. */
  renew(material: TrustMaterial): void;
}

/** Credentials whose material can be replaced. */
export interface RenewableTrust extends Trust, Pick<RenewableMaterial, "renew"> {}

/** Makes a source of material that has been checked. */
export function renewableMaterial(
  initial: TrustMaterial,
  { date }: Pick<SourceTime, "date"> = systemTime,
): RenewableMaterial {
  let known = initial;
  const followers = new Followers();
  return {
    get known() {
      return known;
    },
    async current() {
      assertNotEnded(known, date());
      return known;
    },
    follow: (changed) => followers.add(changed),
    renew(material) {
      if (isSameMaterial(known, material)) return;
      known = material;
      followers.tell(material);
    },
  };
}

/**
 * Makes credentials of what another process or thread has passed on.
 *
 * @internal the listener's thread and worker processes receive theirs so
 */
export function receiveTrust({ policy, material }: TrustData): RenewableTrust {
  const { current, follow, renew } = renewableMaterial(material);
  return { policy, key: nextTrustKey(), current, follow, renew };
}

/**
 * @throws {@link InvalidOptionError} if the credentials cannot be passed to another process, because a function judges peers.
 * @internal whoever passes credentials on asks first
 */
export function assertPassable(trust: Trust): void {
  if (trust.judge === undefined) return;
  throw new InvalidOptionError("peers", {
    value: trust.judge,
    expected:
      "patterns of identities, such as 'spiffe://farm/*', for credentials that workers in processes of their own get",
    advice: "A function cannot be passed to another process",
  });
}
