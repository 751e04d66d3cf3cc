/**
 * Turns bytes into values: the door to the readers. Whatever the bytes are, the outcome is a value or a
 * {@link PayloadError}.
 */
import { PayloadError } from "../../errors/payload-error.ts";
import { MAX_DEPTH } from "../format.ts";
import type { DecodeOptions } from "./decoding.ts";
import { ValueReader } from "./value-reader.ts";

/** What a decoder at rest holds, so that it keeps nothing of its last call alive. */
const AT_REST = {} as DecodeOptions;

/** The decoder at rest. A `[decode]` that decodes in turn finds none and gets one of its own. */
let resting: ValueReader | undefined;

/**
 * Decodes a value.
 *
 * @param bytes Memory that holds the payload from `start` to `end`; read only, and not referred to by the value.
 * @param parts Binary that came beside the payload; its memory becomes the value's own.
 * @returns The value, shared with nobody.
 * @throws {@link PayloadError} if the bytes are not a value, exceed the depth, or name something unknown here.
 */
export function decodeValue(
  bytes: Uint8Array,
  start: number,
  end: number,
  parts: readonly Uint8Array[],
  options: DecodeOptions,
): unknown {
  const decoder = resting ?? new ValueReader();
  resting = undefined;
  try {
    decoder.open(bytes, start, end);
    decoder.parts = parts;
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
