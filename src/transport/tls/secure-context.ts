/** What OpenSSL is told of either side's keys. TLS 1.2 is the least that is taken. */
import { constants } from "node:crypto";
import process from "node:process";
import type { SecureContext, SecureContextOptions } from "node:tls";
import type { TrustMaterial } from "../../credentials/trust.ts";

const MIN_VERSION = "TLSv1.2";

const contexts = new WeakMap<TrustMaterial, SecureContext>();

/** Loaded on first use: a program without credentials never needs it. */
export function nodeTls(): typeof import("node:tls") {
  return process.getBuiltinModule("node:tls");
}

/**
 * The context of a caller: made once for each material.
 *
 * @param mutual Whether both sides present a certificate. A caller of one-way TLS presents none, even if it has one.
 */
export function callerContext(
  material: TrustMaterial,
  { mutual }: { readonly mutual: boolean },
): SecureContext {
  let context = contexts.get(material);
  if (context === undefined) {
    const { ca, cert, key } = material;
    context = nodeTls().createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(mutual ? { cert, key } : {}),
      minVersion: MIN_VERSION,
    });
    contexts.set(material, context);
  }
  return context;
}

/** The options of a worker's context. */
export function workerContextOptions({ ca, cert, key }: TrustMaterial): SecureContextOptions {
  return {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    minVersion: MIN_VERSION,
    // A session that is resumed skips the check of certificates, also of those that have expired since.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
