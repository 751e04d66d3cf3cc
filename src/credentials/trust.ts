/**
 * What one side of a connection proves itself with, and by what it judges the other, as the rest of the library sees it.
 * Data and a port: where material comes from, and whether it is whole, is up to whoever implements the port.
 */

/** One set of keys and certificates that fit together. Plain data: it passes from a process to its workers and threads. */
export interface TrustMaterial {
  /** Certificates of the authorities in PEM. Absent: those that Node comes with, which only one-way TLS allows. */
  readonly ca?: string | undefined;
  /** This side's chain in PEM, its own certificate first. Absent: it presents none, as a caller of one-way TLS may. */
  readonly cert?: string | undefined;
  /** The private key of that certificate in PEM, without a passphrase. */
  readonly key?: string | undefined;
  /** What this side's certificate says it is: DNS names, URIs, IP addresses, and last the common name. */
  readonly identities: readonly string[];
  /** When it may no longer be used, in milliseconds since 1970. Absent: it has no end. */
  readonly endsAtMs?: number | undefined;
}

/** What is asked of the other side. Plain data as well. */
export interface TrustPolicy {
  /** Whether both sides present a certificate; otherwise only the worker does. */
  readonly mutual: boolean;
  /** The name by which callers verify this side when it is a worker: one of its certificate's. */
  readonly identity?: string | undefined;
  /** Patterns of identities of which the other side has to present one; see `identity-pattern.ts`. Absent: any. */
  readonly peers?: readonly string[] | undefined;
}

/** What passes from a process to its workers and threads. */
export interface TrustData {
  /** What is asked of the other side. */
  readonly policy: TrustPolicy;
  /** With what this side proves itself. */
  readonly material: TrustMaterial;
}

/** Credentials in use. */
export interface Trust {
  /** What is asked of the other side. */
  readonly policy: TrustPolicy;
  /** Unique in this process: connections made with equal keys are interchangeable. */
  readonly key: string;
  /**
   * Judges the identities of the other side by a function of the user. Absent: only {@link TrustPolicy.peers} does. Such
   * credentials cannot be passed to another process.
   */
  readonly judge?: ((identities: readonly string[]) => boolean) | undefined;
  /**
   * Gives the newest material that is whole, having looked for a newer one if it is due.
   *
   * @throws {@link CredentialsError} if there is none that may be used.
   */
  current(): Promise<TrustMaterial>;
  /**
   * Follows the material: tells of each that takes the place of another. Keeps no process alive.
   *
   * @returns Ends it when disposed of.
   */
  follow(changed: (material: TrustMaterial) => void): Disposable;
}
