/** The values that go to a generator with its steps, encoded. */
import { encodeThrown, encodeValue } from "../../../codec/encode/encoder.ts";
import type { Payload } from "../../../wire/payload.ts";
import type { CallOwner } from "../call.ts";

/** A value that it is sent, or is to return. @throws NotSerializableError if it cannot travel. */
export function encodeSent(value: unknown, owner: CallOwner): Payload {
  const { references, hasThreads: attaches } = owner;
  const options = {
    root: "value",
    references,
    textUnits: true,
    platform: true,
    moves: true,
    attaches,
  } as const;
  const { bytes, start, end, parts, tainted, textUnits, platform, beside } = encodeValue(value, options);
  return { bytes, start, end, parts, tainted, textUnits, platform, beside };
}

/** An error that is thrown into it. */
export function encodeError(error: unknown, { references }: CallOwner): Payload {
  const { bytes, start, end, parts, tainted } = encodeThrown(error, { root: "error", references });
  return { bytes, start, end, parts, tainted };
}
