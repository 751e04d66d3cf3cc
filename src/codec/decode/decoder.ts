/**
 * Turns bytes into values: where reading starts. Whatever the bytes are, the outcome is a value or a
 * {@link PayloadError}.
 */
import { PayloadError } from "../../errors/payload-error.ts";
import type { Excess } from "../budget/excess.ts";
import { auditPayload, weighPayload } from "../budget/payload-audit.ts";
import type { Encoded } from "../encoded.ts";
import { MAX_DEPTH } from "../format.ts";
import type { DecodeOptions } from "./decoding.ts";
import { ValueReader } from "./value-reader.ts";

/** The options of an idle decoder, so that it keeps nothing of its last call in memory. */
const AT_REST = {} as DecodeOptions;

/** The idle decoder. A `[decode]` that decodes in turn finds none and gets one of its own. */
let resting: ValueReader | undefined;

/**
 * Decodes a value.
 *
 * @param encoded Its bytes are only read, and not referred to by the value; the memory of its parts becomes the
 *   value's own. It is read before any of the user's code runs.
 * @returns The value, shared with nobody.
 * @throws {@link PayloadError} if the bytes are not a value, exceed the depth, name something unknown here, or,
 *   where they are audited, cost more to read than they are long.
 */
export function decodeValue(encoded: Encoded, options: DecodeOptions): unknown {
  if (options.source?.local !== true) judgePayload(encoded, options.admit);
  const decoder = resting ?? new ValueReader();
  resting = undefined;
  try {
    decoder.open(encoded.bytes, encoded.start, encoded.end);
    decoder.parts = encoded.parts;
    if (encoded.attachments !== undefined) decoder.attachments = encoded.attachments;
    decoder.options = options;
    decoder.maxDepth = Math.min(options.maxDepth ?? MAX_DEPTH, MAX_DEPTH);
    return decoder.decode();
  } catch (error) {
    if (error instanceof PayloadError) throw error;
    // biome-ignore lint/style/useErrorCause: The platform's messages (a bad RegExp or URL) quote their input.
    throw new PayloadError(
      `Cannot decode the payload near byte ${decoder.position - decoder.start}: it is malformed, or too deep for the stack that is left`,
    );
  } finally {
    decoder.reset();
    decoder.options = AT_REST;
    resting = decoder;
  }
}

function judgePayload(encoded: Encoded, admit: DecodeOptions["admit"]): void {
  if (admit === undefined) {
    const excess = auditPayload(encoded, "receiver");
    if (excess !== undefined) throw tooDear(excess);
    return;
  }
  const { excess, objectBytes, binaryBytes } = weighPayload(encoded);
  if (excess !== undefined) throw tooDear(excess);
  admit({
    objectBytes,
    binaryBytes: binaryBytes + encoded.parts.reduce((sum, { length }) => sum + length, 0),
  });
}

function tooDear({ cost, allowed, colliding }: Excess): PayloadError {
  const why = colliding
    ? "keys of a Map or Set in it collide in the hash table of the engine"
    : `its values would cost ${cost} bytes to read, and it is long enough for ${allowed}`;
  return new PayloadError(`Cannot decode the payload: ${why}`);
}
