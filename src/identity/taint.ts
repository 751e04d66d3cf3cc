/**
 * Decides what another process may cause by naming something, a routine above all. This is the only place that does:
 * for a routine in a payload, for the routine that a task asks for, and for the descriptor that comes with one.
 *
 * What came over a carrier that is not local is tainted, and stays so wherever it travels from there, over any carrier:
 * whoever passes it on says so. Of a tainted routine nothing but the identity counts. It runs only where it is exposed,
 * and causes no import. A tainted descriptor reaches only what the worker's owner allows.
 */

/** Where something has come from. Every carrier is one. */
export interface Source {
  /** Whether only processes of this user on this host can be at its other end. */
  readonly local: boolean;
}

/** Where it is not known, or no matter, over what something came. */
export const NETWORK: Source = Object.freeze({ local: false });

/**
 * Whether something is tainted.
 *
 * @param source The carrier over which it has come here.
 * @param marked Whether its sender has said that it was tainted already.
 */
export function isTainted(source: Source, marked: boolean): boolean {
  return marked || !source.local;
}

/** Why a tainted routine cannot be sent as a value to a peer without `Feature.Taint`, as a clause, and what to do. */
export const TAINT_NOT_KNOWN =
  "it is a routine that has come over a network, and the receiver is of a version that does not treat those apart; update it, or import the routine's module here and send the routine itself";
