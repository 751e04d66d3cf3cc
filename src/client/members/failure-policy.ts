/**
 * The consequences of a failure for the call and for the member it happened on: one table that covers every
 * kind of failure, and the functions that find the line for a failure. It acts on nothing.
 *
 * For the call: `next` candidate (it provably did not start), `surface` to the caller, or `lost` (it may have
 * run). For the member: `keep` it, `back-off` and connect again, count a `strike`, of which several in a row
 * evict it, or evict it at once, under the reason given. A member is evicted only when it breaks the protocol
 * or a rule of the gate; the faults of callers, of routines and of the network evict nobody.
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
  /** A Nack that any worker would give. */
  | "refused-for-good"
  /** A Nack that says nothing about the call. */
  | "refused"
  | "refused-draining"
  | "refused-version"
  | "refused-codec"
  /** The import of the routine's module has failed there. A pool replaces such a worker if it has spawned it. */
  | "refused-import"
  /** The peer, or this side, broke a rule on one stream. */
  | "stream-broken"
  /** An answer that is no value, whatever this process may know. */
  | "answer-malformed"
  /** No connection, no greeting, another worker than the record says, or a peer that ended it. */
  | "unreachable"
  /** The Hello, or the message that came instead, names another major version. */
  | "version"
  /** The Hello, or the message that came instead, names no payload codec that both have. */
  | "codec"
  /** Bytes that the protocol does not allow ended the connection. */
  | "protocol";

/** The table. A call that had been sent over a connection that failed is judged by `started` first. */
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

/** Which failure a Nack is. Codes of later versions say nothing about the call. */
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
