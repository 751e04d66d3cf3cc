/**
 * The consequences of a failure for the call and for the member it happened on: one table that covers every
 * kind of failure, and the functions that find the row for a failure. This file only decides; others act.
 *
 * For the call: `next`: it provably did not start, and goes to the next candidate. `surface`: the caller gets the
 * error. `lost`: it may have run, and the caller gets a `WorkerLostError`.
 *
 * For the member: `keep` it. `back-off`: connect again after a pause. `strike`: count it, and evict the member after
 * several in a row. `version`, `codec` or `evicted`: evict it at once, and this word is the reason. A member is
 * evicted only when it breaks the protocol or a rule of admission (`membership/admission.ts`); the faults of callers, of
 * routines and of the network evict nobody.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";
import { VersionError } from "../../errors/version-error.ts";
import { isFinalRefusal, NackCode } from "../../wire/messages/nack-code.ts";

/** The consequences of a failure. */
export interface FailureMeasure {
  readonly call: "next" | "surface" | "lost";
  readonly member: "keep" | "back-off" | "strike" | "version" | "codec" | "evicted";
}

/** Every way in which a call, or a connection that carries calls, can fail. */
export type FailureKind =
  /** The routine threw, or its result cannot travel. */
  | "routine"
  /** The arguments exceed what the worker accepts, or cannot travel. */
  | "not-sendable"
  /** A Nack for a reason that lies in the call: every worker would give it. */
  | "refused-for-good"
  /** A Nack for a reason that lies in the worker: another one may take the call. */
  | "refused"
  | "refused-draining"
  | "refused-version"
  | "refused-codec"
  /** The import of the routine's module has failed on this worker. If it is a pool's own, the pool replaces it. */
  | "refused-import"
  /** The peer, or this side, broke a rule on one stream. */
  | "stream-broken"
  /** An answer that is not the encoding of any value, whichever classes this process has registered. */
  | "answer-malformed"
  /** The connection could not be made or was ended by the peer, no greeting came, or another worker answered than the
   * one in the record of the discovery. */
  | "unreachable"
  /** The peer's Hello, or the GoAway that it sent instead, names another major version. */
  | "version"
  /** The peer's Hello, or the GoAway that it sent instead, names no payload codec that both have. */
  | "codec"
  /** Bytes that the protocol does not allow ended the connection. */
  | "protocol";

/**
 * The table. For a call on a connection that failed, `started` (of `ClientStream.lost`) comes first: where it is false,
 * the call goes to the next candidate whatever the table says.
 */
export const FAILURE_POLICY: Readonly<Record<FailureKind, FailureMeasure>> = Object.freeze({
  routine: { call: "surface", member: "keep" },
  "not-sendable": { call: "surface", member: "keep" },
  "refused-for-good": { call: "surface", member: "keep" },
  refused: { call: "next", member: "keep" },
  "refused-draining": { call: "next", member: "keep" },
  "refused-version": { call: "next", member: "version" },
  "refused-codec": { call: "next", member: "codec" },
  "refused-import": { call: "next", member: "keep" },
  "stream-broken": { call: "surface", member: "strike" },
  "answer-malformed": { call: "surface", member: "strike" },
  unreachable: { call: "lost", member: "back-off" },
  version: { call: "lost", member: "version" },
  codec: { call: "lost", member: "codec" },
  protocol: { call: "lost", member: "evicted" },
});

/** Which failure a Nack is. Codes that this version does not know count as `refused`. */
export function classifyRefusal(code: number): FailureKind {
  switch (code) {
    case NackCode.VERSION:
      return "refused-version";
    case NackCode.CODEC:
      return "refused-codec";
    case NackCode.DRAINING:
      return "refused-draining";
    case NackCode.IMPORT_FAILED:
      return "refused-import";
    default:
      return isFinalRefusal(code) ? "refused-for-good" : "refused";
  }
}

/** Which failure the end of a connection, or of an attempt at one, is. */
export function classifyConnectionFailure(error: Error | undefined): FailureKind {
  if (error instanceof VersionError) return "version";
  if (error instanceof ProtocolError) return error.refusal === "CODEC" ? "codec" : "protocol";
  return "unreachable";
}
