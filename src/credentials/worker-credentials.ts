/** What a side of a connection proves itself with, and by what it judges the other, as users make it. */
import { inspect } from "node:util";
import { assertFunction } from "../errors/check-options.ts";
import { readFilesNow, resolvePaths, sourcesOf } from "./material/credential-files.ts";
import { checkMaterial, type GivenMaterial, type MaterialSources } from "./material/material.ts";
import { type MaterialSource, nextTrustKey } from "./material/material-source.ts";
import { ProvidedMaterial } from "./material/provided-material.ts";
import { renewableMaterial } from "./material/renewable-material.ts";
import { WatchedMaterial } from "./material/watched-material.ts";
import { judgeSafely } from "./peers/peer-judge.ts";
import type { Trust } from "./trust.ts";
import {
  assertProvided,
  type CredentialsFiles,
  type CredentialsPem,
  type CredentialsProviderOptions,
  isPem,
  type ProvidedCredentials,
  type ResolvedPolicy,
  resolveMaterialOptions,
  resolveProviderOptions,
} from "./worker-credentials-options.ts";

const PEM_SOURCES: MaterialSources = { ca: "option 'ca'", cert: "option 'cert'", key: "option 'key'" };

/**
 * Keys and certificates for connections over a network, checked when they are read: the key fits the certificate, that
 * leads to the authority and may be used for TLS now.
 *
 * They show nothing of the key, whether printed, turned into JSON or sent, which is refused.
 *
 * @example
 * const credentials = WorkerCredentials.fromFiles({ ca: "ca.pem", cert: "api.pem", key: "api-key.pem" });
 */
export class WorkerCredentials {
  static {
    // Declarations of members cannot be computed from the name of another module's symbol.
    Object.defineProperty(WorkerCredentials.prototype, inspect.custom, {
      value(this: WorkerCredentials): string {
        return `WorkerCredentials ${inspect(this.toJSON())}`;
      },
    });
  }
  /** For the library's own use. */
  readonly trust: Trust;
  readonly #source: MaterialSource;

  private constructor(source: MaterialSource, { policy, judge }: ResolvedPolicy) {
    this.#source = source;
    // Functions of its own also keep it from being cloned.
    this.trust = Object.freeze({
      policy: Object.freeze(policy),
      key: nextTrustKey(),
      judge: judge === undefined ? undefined : judgeSafely(judge),
      current: () => source.current(),
      follow: (changed: Parameters<Trust["follow"]>[0]) => source.follow(changed),
    });
  }

  /**
   * Reads files once. What they hold is used until it ends.
   *
   * @throws {@link CredentialsError} if they cannot be used: it names the file, the fault and the remedy.
   * @throws {@link InvalidOptionError}
   */
  static fromFiles(options: CredentialsFiles): WorkerCredentials {
    const resolved = resolveMaterialOptions(options, isPath, "a path, or a 'file:' URL");
    const paths = resolvePaths({ ca: options.ca, cert: options.cert, key: options.key });
    const given = { ...readFilesNow(paths), passphrase: options.passphrase };
    return WorkerCredentials.#fixed(given, resolved, sourcesOf(paths));
  }

  /**
   * Takes keys and certificates as text or bytes.
   *
   * @throws {@link CredentialsError} if they cannot be used.
   * @throws {@link InvalidOptionError}
   */
  static fromPem(options: CredentialsPem): WorkerCredentials {
    const resolved = resolveMaterialOptions(options, isPem, "text or bytes in PEM");
    return WorkerCredentials.#fixed(options, resolved, PEM_SOURCES);
  }

  /**
   * Reads files, and follows them when they are replaced, in whichever way and order: new material is used within a second
   * of being whole, by new connections. Until then that from before stays, at most to its end, and if it takes long there is
   * a warning, `MERINO_CREDENTIALS_NOT_RENEWED`.
   *
   * @throws {@link CredentialsError} if the files cannot be used now.
   * @throws {@link InvalidOptionError}
   */
  static watch(options: CredentialsFiles): WorkerCredentials {
    const resolved = resolveMaterialOptions(options, isPath, "a path, or a 'file:' URL");
    const paths = resolvePaths({ ca: options.ca, cert: options.cert, key: options.key });
    const { passphrase } = options;
    return new WorkerCredentials(new WatchedMaterial({ paths, passphrase }, resolved.policy), resolved);
  }

  /**
   * Asks a function, when the first connection is made and again when its answer is no longer fresh. It is called once at a
   * time. What it gives is checked as files are.
   *
   * @param provide Gives keys and certificates in PEM, from wherever they are kept.
   * @throws {@link InvalidOptionError}
   */
  static provider(
    provide: () => ProvidedCredentials | PromiseLike<ProvidedCredentials>,
    options: CredentialsProviderOptions = {},
  ): WorkerCredentials {
    // Only an option may be left out.
    assertFunction("provide", provide ?? null, "a function that gives credentials");
    const { times, ...resolved } = resolveProviderOptions(options);
    const source = new ProvidedMaterial(
      async () => {
        const given: unknown = await provide();
        assertProvided(given, resolved.policy);
        return given;
      },
      resolved.policy,
      times,
    );
    return new WorkerCredentials(source, resolved);
  }

  /** Whether both sides present a certificate. */
  get mutual(): boolean {
    return this.trust.policy.mutual;
  }

  /** What the certificate says that this side is; empty without a certificate, or before a provider was asked. */
  get identities(): readonly string[] {
    return this.#source.known?.identities ?? [];
  }

  /** When they may no longer be used; absent if there is no end, or a provider was not asked yet. */
  get endsAt(): Date | undefined {
    const endsAtMs = this.#source.known?.endsAtMs;
    return endsAtMs === undefined ? undefined : new Date(endsAtMs);
  }

  /** What may be known of them. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { mutual, identity, peers } = this.trust.policy;
    const { identities, endsAt } = this;
    return {
      mutual,
      identities,
      ...(identity === undefined ? {} : { identity }),
      ...(peers === undefined ? {} : { peers }),
      ...(this.trust.judge === undefined ? {} : { peers: "a function" }),
      ...(endsAt === undefined ? {} : { endsAt: endsAt.toISOString() }),
    };
  }

  static #fixed(given: GivenMaterial, resolved: ResolvedPolicy, sources: MaterialSources): WorkerCredentials {
    const material = checkMaterial(given, resolved.policy, sources, Date.now());
    return new WorkerCredentials(renewableMaterial(material), resolved);
  }
}

function isPath(value: unknown): boolean {
  return (typeof value === "string" && value !== "") || (value instanceof URL && value.protocol === "file:");
}
