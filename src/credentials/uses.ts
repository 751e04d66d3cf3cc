/** Whether credentials have what the side needs that is to use them. Which side that is, they do not know when they are made. */
import { CredentialsError } from "../errors/credentials-error.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { Trust, TrustMaterial, TrustPolicy } from "./trust.ts";

/** The sides of a connection. */
export type Side = "worker" | "caller";

const USAGES = {
  worker: { id: "1.3.6.1.5.5.7.3.1", name: "serverAuth" },
  caller: { id: "1.3.6.1.5.5.7.3.2", name: "clientAuth" },
} as const;

/** Each connection asks, and to parse a certificate takes longer than to sign with it. */
const usagesOfMaterial = new WeakMap<TrustMaterial, { readonly usages: readonly string[] | undefined }>();

/**
 * Checks what can be known before there is material.
 *
 * @throws {@link InvalidOptionError} if a worker without mutual TLS is to judge callers, who present nothing there.
 */
export function assertEffective({ policy, judge }: Pick<Trust, "policy" | "judge">, side: Side): void {
  if (side === "caller" || policy.mutual || (policy.peers === undefined && judge === undefined)) return;
  throw new InvalidOptionError("peers", {
    value: judge ?? policy.peers,
    expected: "'mutual' as well on a worker, since callers present no certificate otherwise",
  });
}

/**
 * Checks material that a side is about to use.
 *
 * @throws {@link CredentialsError} if there is no certificate where one has to be presented, or it is not for this side.
 */
export function assertUsable(material: TrustMaterial, policy: TrustPolicy, side: Side): void {
  if (side === "caller" && !policy.mutual) return;
  if (material.cert === undefined) {
    throw new CredentialsError({
      reason: "usage",
      source: "option 'cert'",
      what: "there is none, and a worker always presents a certificate",
      remedy: "Give its credentials 'cert' and 'key'",
    });
  }
  const usages = usagesOf(material, material.cert);
  const { id, name } = USAGES[side];
  if (usages === undefined || usages.includes(id)) return;
  throw new CredentialsError({
    reason: "usage",
    source:
      material.identities[0] === undefined ? "certificate" : `certificate for '${material.identities[0]}'`,
    what: `it may not be used by a ${side}`,
    remedy: `Have one issued with the extended key usage ${name}`,
  });
}

/** Undefined: it does not restrict its use. */
function usagesOf(material: TrustMaterial, cert: string): readonly string[] | undefined {
  const known = usagesOfMaterial.get(material);
  if (known !== undefined) return known.usages;
  const { X509Certificate } = process.getBuiltinModule("node:crypto");
  // Declared as an array that is always there; a certificate that does not restrict its use has none.
  const usages = new X509Certificate(cert).keyUsage as readonly string[] | undefined;
  usagesOfMaterial.set(material, { usages });
  return usages;
}

/** Whether a certificate may be used on either side. */
export function isForTls(usages: readonly string[] | undefined): boolean {
  return usages === undefined || usages.includes(USAGES.worker.id) || usages.includes(USAGES.caller.id);
}
