/** What bodies send, encoded in the form that whoever gets it takes, or refused before anything of it is sent. */
import { assertAffordable } from "../codec/budget/assert-affordable.ts";
import { encodeThrown, encodeValue } from "../codec/encode/encoder.ts";
import type { EncodeOptions } from "../codec/encode/encoding.ts";
import type { References } from "../codec/references.ts";
import { NotSerializableError } from "../errors/not-serializable-error.ts";
import { TaskRefusedError } from "../errors/task-refused-error.ts";
import { TAINT_NOT_KNOWN } from "../identity/taint.ts";
import type { ServerSession } from "../session/server-session.ts";
import type { Payload } from "../wire/payload.ts";

/** Where it goes, and whose it is. */
export interface Outgoing {
  readonly session: ServerSession;
  readonly references: References;
  /** Identity of the routine. */
  readonly routine: string;
  /** Marks remote stacks. */
  readonly stackOrigin: string;
}

/** What else is taken up in a value: iterables and streams, blobs. Absent: they are refused. */
export type TakenUp = Pick<EncodeOptions, "flows" | "blobs">;

/**
 * Encodes a value. The object is the encoder's, for its next use.
 *
 * @param root What it is, as paths in errors begin.
 * @throws NotSerializableError or TaskRefusedError if it cannot be sent.
 */
export function encodeOutgoing(
  { session, references, routine }: Outgoing,
  value: unknown,
  root: string,
  takenUp?: TakenUp,
): Payload {
  const { connection } = session;
  const toThread = connection.carrier.enclose !== undefined;
  const payload = connection.readable(
    encodeValue(value, {
      root,
      references,
      ...takenUp,
      inline: !session.takesParts,
      textUnits: connection.takesTextUnits,
      platform: connection.takesPlatform,
      fault: "routine",
      moves: true,
      attaches: toThread,
      overwrites: toThread, // what is too long for a frame is copied with it
    }),
  );
  if (payload.tainted !== undefined && !connection.takesTainted) {
    throw new NotSerializableError(payload.tainted, TAINT_NOT_KNOWN, { fault: "routine" });
  }
  if (!connection.carrier.local) assertAffordable(payload, { root, fault: "routine" });
  const excess = connection.excess(payload);
  if (excess === undefined) return payload;
  throw new TaskRefusedError(
    "TOO_LARGE",
    `Cannot send the ${root} of '${routine}': ${excess.sizeBytes} bytes exceed the ${excess.limitBytes} that the caller accepts; send less at a time, for example from a generator`,
  );
}

/** Encodes an error, as far as it can be sent. */
export function encodeOutgoingError(
  { session, references, stackOrigin: origin }: Outgoing,
  error: unknown,
): Payload {
  const { connection } = session;
  const inline = !session.takesParts;
  const refuseTainted = !connection.takesTainted;
  const options = { root: "reason", references, origin, inline, refuseTainted };
  const payload = encodeThrown(error, options);
  if (connection.excess(payload) === undefined) return payload;
  return encodeThrown(new Error("The error is larger than the caller accepts"), options);
}
