/**
 * How a gRPC call ends, and which error that makes. Total over the codes of gRPC and over the ways in which
 * a call ends without one.
 *
 * Only bytes that break the protocol make a `ProtocolError`, the error that counts against a worker. A
 * reset, a lost connection and a status never do, whatever code they come with: proxies, deadlines and
 * draining servers reset streams too.
 */
import { HandshakeError, type HandshakeReason, handshakeReason } from "../../errors/handshake-error.ts";
import type { ProtocolError } from "../../errors/protocol-error.ts";
import { VersionError } from "../../errors/version-error.ts";
import { version } from "../../wire/version.ts";
import { GrpcStatus, nameOfGrpcStatus } from "./status-codes.ts";

/** How one call ended. */
export type GrpcEnd =
  /** The peer ended it with a status; `details` is its text, shortened. */
  | { readonly kind: "status"; readonly code: GrpcStatus; readonly details: string }
  /** The peer answered without gRPC's status: something else listens there, or stands between. */
  | { readonly kind: "foreign"; readonly details: string }
  /** The peer, or something between, reset the stream; `rstCode` is HTTP/2's. */
  | { readonly kind: "reset"; readonly rstCode: number }
  /** The connection ended, or could not be made. */
  | { readonly kind: "connection"; readonly cause: Error | undefined }
  /** The peer sent bytes that are not messages, or a message beyond the limit. */
  | { readonly kind: "malformed"; readonly error: ProtocolError }
  /** This side ended it. */
  | { readonly kind: "cancelled"; readonly error: Error | undefined };

/** What each code means for a caller that asked a worker for something. */
const ADVICE: Readonly<Record<GrpcStatus, string>> = {
  0: "it ended the call without an answer",
  1: "it cancelled the call",
  2: "it failed for a reason it does not name",
  3: "it does not understand the request",
  4: "it did not answer in time",
  5: "it does not know what was asked for",
  6: "it has already done what was asked for",
  7: "it does not permit this",
  8: "it is out of a resource, or a message exceeds its limit (option 'maxMessageSize')",
  9: "it does not speak this version of the protocol",
  10: "it gave the call up",
  11: "it does not accept a value of the request",
  12: "it is a gRPC server, but not a worker of this kind",
  13: "it failed inside",
  14: "it takes no calls now",
  15: "it lost data",
  16: "it does not accept who this side is",
};

/**
 * The error with which a carrier ends whose connection was a single gRPC call.
 *
 * @param peer Name of the other side for messages, for example `"10.0.0.7:50051"`.
 * @param greeted Whether the peer had sent anything. Until then the connection counts as not made.
 * @returns `undefined` for an end in good order: status OK, or an end by this side without an error.
 */
export function classifyCarrierEnd(end: GrpcEnd, peer: string, greeted: boolean): Error | undefined {
  if (end.kind === "cancelled") return end.error;
  if (end.kind === "malformed") return end.error;
  if (end.kind === "status" && end.code === GrpcStatus.FAILED_PRECONDITION && !greeted)
    return versionError(end.details, peer);
  if (!greeted)
    return new HandshakeError(`Cannot connect to '${peer}': ${describeEnd(end)}`, {
      ...causeOf(end),
      reason: reasonOf(end),
    });
  if (end.kind === "status" && end.code === GrpcStatus.OK) return undefined;
  return new Error(`The connection to '${peer}' ended: ${describeEnd(end)}`, causeOf(end));
}

/**
 * The error of a unary call that brought no answer.
 *
 * @param action What was asked for, for example `"describe the worker"`.
 * @param peer Name of the other side for messages.
 */
export function classifyUnaryEnd(end: GrpcEnd, action: string, peer: string): Error {
  if (end.kind === "cancelled" && end.error !== undefined) return end.error;
  if (end.kind === "malformed") return end.error;
  if (end.kind === "status" && end.code === GrpcStatus.FAILED_PRECONDITION)
    return versionError(end.details, peer);
  return new HandshakeError(`Cannot ${action} at '${peer}': ${describeEnd(end)}`, {
    ...causeOf(end),
    reason: reasonOf(end),
  });
}

/** The peer says in its own words which version it speaks; the first version in them is taken for it. */
function versionError(details: string, peer: string): VersionError {
  const remote = /version '([^']{1,64})'/.exec(details)?.[1] ?? `of '${peer}'`;
  return new VersionError(version, remote, { cause: new HandshakeError(details) });
}

function describeEnd(end: GrpcEnd): string {
  switch (end.kind) {
    case "status": {
      const details = end.details === "" ? "" : `: ${end.details}`;
      return `${ADVICE[end.code]} (${nameOfGrpcStatus(end.code)}${details})`;
    }
    case "foreign":
      return end.details;
    case "reset":
      return `the stream was reset (HTTP/2 code ${end.rstCode})`;
    case "connection":
      return end.cause === undefined ? "the other side closed it" : end.cause.message;
    case "malformed":
      return end.error.message;
    case "cancelled":
      return end.error?.message ?? "this side closed it";
  }
}

/** The reasons that the other side may have to tell: its words begin with them. */
const SAID_BY_PEERS = ["certificate-missing", "certificate-refused", "encrypted", "expired"] as const;

/** Why the credentials of this side do not do, in one word. */
function reasonOf(end: GrpcEnd): HandshakeReason | undefined {
  if (end.kind === "connection") return handshakeReason(end.cause);
  if (end.kind !== "status" || end.code !== GrpcStatus.UNAUTHENTICATED) return undefined;
  return SAID_BY_PEERS.find((reason) => end.details.startsWith(`${reason}: `));
}

function causeOf(end: GrpcEnd): ErrorOptions | undefined {
  return end.kind === "connection" && end.cause !== undefined ? { cause: end.cause } : undefined;
}
