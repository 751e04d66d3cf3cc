/** Encodes and decodes the RuntimeContext message: options of the calls that a task makes. */
import { type FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { RuntimeContextTag } from "../tags.ts";

/** Bytes read of the tag. */
const MAX_TAG_BYTES = 8_192;

/** Options of calls. What is absent has not been said. */
export interface RuntimeContext {
  /** Milliseconds. */
  readonly dispatchTimeout: number | undefined;
  /** Milliseconds of each call. */
  readonly timeout: number | undefined;
  readonly tag: string | undefined;
}

const FIELDS = fieldNumbers(RuntimeContextTag);

/** Encodes the message, without a field around it. */
export function encodeRuntimeContext({ dispatchTimeout, timeout, tag }: RuntimeContext): Uint8Array {
  return new FieldWriter()
    .double(RuntimeContextTag.DispatchTimeout, (dispatchTimeout ?? 0) / 1_000)
    .double(RuntimeContextTag.Timeout, (timeout ?? 0) / 1_000)
    .text(RuntimeContextTag.Tag, tag ?? "")
    .finish();
}

/** Decodes the message that the scanner has entered. A time that is not above 0 has not been said. */
export function scanRuntimeContext(scanner: FieldScanner): RuntimeContext {
  let dispatchTimeoutS = 0;
  let timeoutS = 0;
  let text = "";
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case RuntimeContextTag.DispatchTimeout:
        dispatchTimeoutS = scanner.double();
        break;
      case RuntimeContextTag.Timeout:
        timeoutS = scanner.double();
        break;
      case RuntimeContextTag.Tag:
        text = scanner.text(MAX_TAG_BYTES);
        break;
      default:
        scanner.skipUnknown(tag, FIELDS);
    }
  }
  return {
    dispatchTimeout: dispatchTimeoutS > 0 ? dispatchTimeoutS * 1_000 : undefined,
    timeout: timeoutS > 0 ? timeoutS * 1_000 : undefined,
    tag: text === "" ? undefined : text,
  };
}
