/**
 * Turns values into bytes in one pass: where writing starts. Owns the idle writer, and turns failures into the
 * errors that callers see. The format is described in `README.md` of this folder.
 */
import { NotSerializableError } from "../../errors/not-serializable-error.ts";
import type { Encoded } from "../encoded.ts";
import type { EncodeOptions } from "./encoding.ts";
import { briefly } from "./field-writer.ts";
import { ValueWriter } from "./value-writer.ts";

const encoded: { -readonly [K in keyof Encoded]: Encoded[K] } = {
  bytes: new Uint8Array(0),
  start: 0,
  end: 0,
  parts: [],
  tainted: undefined,
  textUnits: false,
  platform: undefined,
  unread: undefined,
  beside: undefined,
};

/** The options of an idle encoder, so that it keeps nothing of its last call in memory. */
const AT_REST = {} as EncodeOptions;

/** The idle encoder. A getter or `[encode]` that encodes in turn finds none and gets one of its own. */
let resting: ValueWriter | undefined;

function publish(encoder: ValueWriter): Encoded {
  encoder.finish();
  encoded.bytes = encoder.bytes;
  encoded.start = encoder.start;
  encoded.end = encoder.position;
  encoded.parts = encoder.takenParts;
  encoded.tainted = encoder.tainted;
  encoded.textUnits = encoder.wroteUnits;
  encoded.platform = encoder.platform;
  encoded.unread = encoder.takenUnread;
  encoded.beside = encoder.takenBeside;
  return encoded;
}

/**
 * Encodes a value for another worker.
 *
 * Getters are read. A class's `[encode]`, and getters, may be called twice when views in the value
 * share memory.
 *
 * @returns One object that the next call overwrites. The bytes it names stay as they are for ever, so
 *   `bytes`, `start`, `end` and `parts` may be kept, unless `overwrites` is set; parts are views of the caller's own memory unless
 *   `copy` is set.
 * @throws {@link NotSerializableError} with the path of the first thing that would not arrive as itself.
 */
export function encodeValue(value: unknown, options: EncodeOptions): Encoded {
  const encoder = resting ?? new ValueWriter();
  resting = undefined;
  encoder.options = options;
  encoder.overwrites = options.overwrites === true;
  try {
    encoder.encode(value);
    return publish(encoder);
  } catch (error) {
    throw refusalOf(error, encoder);
  } finally {
    encoder.resetValue();
    encoder.options = AT_REST;
    encoder.overwrites = false;
    resting = encoder;
  }
}

/** The error to throw for anything that failed while encoding: getters, proxies and hooks run the user's code. */
function refusalOf(error: unknown, encoder: ValueWriter): NotSerializableError {
  if (error instanceof NotSerializableError) return error;
  const { fault } = encoder.options;
  return new NotSerializableError(encoder.path(), `reading it failed: ${briefly(error)}`, {
    cause: error,
    ...(fault !== undefined && { fault }),
  });
}

/** What happens to the stacks of all errors in what was thrown. */
interface ThrownOptions {
  /** Names the worker, for example `"worker 4711"`. */
  readonly origin?: string;
  /** Reads the stack of an error, which may throw. Absent: `stack` is read. */
  readonly readStack?: (error: object) => unknown;
}

/**
 * Encodes what a routine threw, or the reason of an abort. Never throws: own fields and causes that
 * cannot travel are replaced by a text that says what was there.
 *
 * @param options The stacks of all errors get a line with the `origin`, unless it is there already. An error that
 *   crosses several workers collects their lines.
 * @returns As {@link encodeValue}.
 */
export function encodeThrown(value: unknown, options: EncodeOptions & ThrownOptions): Encoded {
  const encoder = resting ?? new ValueWriter();
  resting = undefined;
  encoder.options = options;
  encoder.marker = options.origin === undefined ? undefined : `\n    at [${options.origin}]`;
  encoder.readStack = options.readStack;
  try {
    try {
      encoder.encode(value);
    } catch {
      encoder.resetPass();
      encoder.lenient = true;
      try {
        encoder.encode(value);
      } catch (error) {
        encoder.resetValue();
        encoder.substitute(value, briefly(error));
      }
    }
    return publish(encoder);
  } finally {
    encoder.marker = undefined;
    encoder.readStack = undefined;
    encoder.lenient = false;
    encoder.resetValue();
    encoder.options = AT_REST;
    resting = encoder;
  }
}
