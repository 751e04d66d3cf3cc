/** Who is at the other end of a connection, as tasks and rules see it. */

/** The immediate caller of a task. */
export interface Peer {
  /**
   * What its certificate says it is: DNS names, URIs such as `"spiffe://farm/api"`, IP addresses, and last the common
   * name. Empty unless it was verified.
   */
  readonly identities: readonly string[];
  /** The IP address that it connects from; undefined for a program of this host that uses the worker's socket. */
  readonly address: string | undefined;
  /** Whether it has presented a certificate that the worker's credentials accept. */
  readonly verified: boolean;
  /** Whether it is a program of this user on this host. */
  readonly local: boolean;
}

/** Whoever can open a worker's socket. */
export const LOCAL_PEER: Peer = Object.freeze({
  identities: Object.freeze([]),
  address: undefined,
  verified: false,
  local: true,
});

/** Somebody on a network of whom nothing is known. */
export const UNKNOWN_PEER: Peer = Object.freeze({ ...LOCAL_PEER, local: false });
