/** The options of `WorkerCredentials`: what they mean, which go together, and what they are in the end. */
import { assertBoolean, assertDuration, assertKnownOptions } from "../errors/check-options.ts";
import { CredentialsError } from "../errors/credentials-error.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { GivenMaterial } from "./material/material.ts";
import type { ProviderTimes } from "./material/provided-material.ts";
import { canonicalIdentity } from "./peers/identities.ts";
import { identityMatcher } from "./peers/identity-pattern.ts";
import type { TrustPolicy } from "./trust.ts";

/** Judges the other side by its identities. It has to return `true`; whatever else it returns or throws refuses. */
export type PeerJudge = (identities: readonly string[]) => boolean;

/** What is asked of the other side, and by which name this side is known. */
export interface CredentialsPolicyOptions {
  /**
   * Whether both sides present a certificate. With `false` only workers do, and anybody who can reach a worker can call
   * it. Default `true`.
   */
  readonly mutual?: boolean;
  /**
   * The name by which callers verify this side when it is a worker, in place of the address that they dial: a DNS name, a
   * URI (`spiffe://farm/worker`) or an IP address of its certificate. Default: the address.
   */
  readonly identity?: string;
  /**
   * Whom this side accepts among those whose certificate is of the authority: identities or patterns of them, such as
   * `spiffe://farm/*` and `*.jobs.example`, of which the other side has to have one; or a function of its identities.
   * Credentials with a function cannot be passed to workers in processes of their own. Default: everybody.
   */
  readonly peers?: string | readonly string[] | PeerJudge;
}

/** Files of credentials, in PEM. */
export interface CredentialsFiles extends CredentialsPolicyOptions {
  /**
   * The certificates of the authorities that are trusted. Only a caller without `mutual` may leave it out, and then trusts
   * those that Node comes with; and so may a worker without `mutual`.
   */
  readonly ca?: string | URL;
  /** The private key of `cert`. */
  readonly key?: string | URL;
  /** This side's certificate, followed by those of authorities between it and the root. */
  readonly cert?: string | URL;
  /** Decrypts the key, if it is encrypted. It is not kept longer than it is needed. */
  readonly passphrase?: string;
}

/** Credentials as text or bytes, in PEM. */
export interface CredentialsPem extends CredentialsPolicyOptions {
  /** As `ca` of {@link CredentialsFiles}. */
  readonly ca?: string | Uint8Array;
  /** The private key of `cert`. */
  readonly key?: string | Uint8Array;
  /** This side's certificate, followed by those of authorities between it and the root. */
  readonly cert?: string | Uint8Array;
  /** Decrypts the key, if it is encrypted. */
  readonly passphrase?: string;
}

/** What a provider gives. */
export type ProvidedCredentials = Pick<CredentialsPem, "ca" | "key" | "cert" | "passphrase">;

/** How a provider is used. Times are in milliseconds. */
export interface CredentialsProviderOptions extends CredentialsPolicyOptions {
  /**
   * How long what it gave counts as new: the function is called at most that often, and while a worker runs about as
   * often, but then no more than once a second. `Infinity`: once. Default 1 000.
   */
  readonly freshFor?: number;
  /**
   * How much longer it is used while the function fails or takes its time; after that, new connections wait or fail. Its own
   * end counts in any case. Default `Infinity`.
   */
  readonly staleFor?: number;
  /** How long one call of the function may take. Default 30 000. */
  readonly timeout?: number;
}

/** The part of the options that is not material. */
export interface ResolvedPolicy {
  readonly policy: TrustPolicy;
  readonly judge: PeerJudge | undefined;
}

const POLICY = { mutual: true, identity: true, peers: true } as const;
const MATERIAL = { ca: true, key: true, cert: true, passphrase: true, ...POLICY } as const;
const PROVIDER = { freshFor: true, staleFor: true, timeout: true, ...POLICY } as const;

/** Checks the options of files and of text, whose names are the same. */
export function resolveMaterialOptions(
  options: CredentialsFiles | CredentialsPem,
  isPart: (value: unknown) => boolean,
  expected: string,
): ResolvedPolicy {
  assertKnownOptions(options, MATERIAL);
  const { ca, key, cert, passphrase } = options;
  const resolved = resolvePolicy(options);
  const parts = { ca, cert, key };
  for (const [option, value] of Object.entries(parts)) {
    // The value may be a private key in the wrong place, and is not shown.
    if (value !== undefined && !isPart(value))
      throw new InvalidOptionError(option, { value: typeof value, expected });
  }
  const missing = missingPart(parts, resolved.policy);
  if (missing !== undefined)
    throw new InvalidOptionError(missing.option, { value: undefined, expected: missing.expected });
  if (passphrase !== undefined && (typeof passphrase !== "string" || key === undefined)) {
    throw new InvalidOptionError("passphrase", {
      value: typeof passphrase,
      expected: "text, together with 'key'",
    });
  }
  if (key === undefined) assertWithoutKey(resolved.policy);
  return resolved;
}

/** Checks the options of a provider. */
export function resolveProviderOptions(
  options: CredentialsProviderOptions,
): ResolvedPolicy & { readonly times: ProviderTimes } {
  assertKnownOptions(options, PROVIDER);
  const { freshFor = 1_000, staleFor = Number.POSITIVE_INFINITY, timeout = 30_000 } = options;
  assertDuration("freshFor", freshFor);
  assertDuration("staleFor", staleFor);
  assertDuration("timeout", timeout, { above: 0 });
  return {
    ...resolvePolicy(options),
    times: { freshForMs: freshFor, staleForMs: staleFor, timeoutMs: timeout },
  };
}

/** @throws {@link CredentialsError} if what a provider gave lacks a part. */
export function assertProvided(given: unknown, policy: TrustPolicy): asserts given is GivenMaterial {
  const parts = (typeof given === "object" && given !== null ? given : {}) as Partial<
    Record<string, unknown>
  >;
  const { ca, cert, key, passphrase } = parts;
  const missing = missingPart({ ca, cert, key }, policy);
  for (const [part, value] of Object.entries({ ca, cert, key })) {
    if (missing?.option !== part && (value === undefined || isPem(value))) continue;
    throw new CredentialsError({
      reason: "malformed",
      source: `the provider's '${part}'`,
      what: value === undefined ? "there is none" : "it is neither text nor bytes",
      remedy: missing?.option === part ? `Return ${missing.expected}` : "Return it in PEM",
    });
  }
  if (passphrase === undefined || typeof passphrase === "string") return;
  throw new CredentialsError({
    reason: "passphrase",
    source: "the provider's 'passphrase'",
    what: "it is not text",
    remedy: "Return it as a string, or leave it out",
  });
}

/** Whether something can be PEM. */
export function isPem(value: unknown): value is string | Uint8Array {
  return typeof value === "string" || value instanceof Uint8Array;
}

function resolvePolicy({ mutual = true, identity, peers }: CredentialsPolicyOptions): ResolvedPolicy {
  assertBoolean("mutual", mutual);
  let name: string | undefined;
  if (identity !== undefined) {
    // As a pattern it has to be one that fits itself only.
    if (typeof identity !== "string" || identity.includes("*")) {
      throw new InvalidOptionError("identity", { value: identity, expected: "one name of the certificate" });
    }
    identityMatcher([identity], "identity");
    name = canonicalIdentity(identity);
  }
  const base = { mutual, ...(name === undefined ? {} : { identity: name }) };
  if (peers === undefined) return { policy: base, judge: undefined };
  if (typeof peers === "function") return { policy: base, judge: peers };
  const patterns: unknown = typeof peers === "string" ? [peers] : peers;
  if (!Array.isArray(patterns) || patterns.length === 0) {
    throw new InvalidOptionError("peers", {
      value: peers,
      expected: "at least one identity or pattern, or a function of identities",
    });
  }
  identityMatcher(patterns);
  return { policy: { ...base, peers: Object.freeze([...patterns]) }, judge: undefined };
}

/** The first part that is missing. */
function missingPart(
  { ca, cert, key }: Readonly<Record<"ca" | "cert" | "key", unknown>>,
  { mutual }: TrustPolicy,
): { readonly option: "ca" | "cert" | "key"; readonly expected: string } | undefined {
  const mutually = "for mutual TLS, 'ca', 'cert' and 'key'";
  if (mutual && ca === undefined) return { option: "ca", expected: mutually };
  if (cert === undefined && (mutual || key !== undefined)) {
    return { option: "cert", expected: mutual ? mutually : "the certificate of 'key' as well" };
  }
  if (key === undefined && cert !== undefined) {
    return { option: "key", expected: mutual ? mutually : "the private key of 'cert' as well" };
  }
  return undefined;
}

function assertWithoutKey({ identity }: TrustPolicy): void {
  if (identity === undefined) return;
  throw new InvalidOptionError("identity", {
    value: identity,
    expected: "'cert' and 'key' as well, since it is a name of that certificate",
  });
}
