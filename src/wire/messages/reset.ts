/** The Reset message, which ends one stream without a result, as bytes. */

import { MAX_EXPLANATION_BYTES, type Reset } from "../frames.ts";
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { ResetTag } from "../tags.ts";

const FIELDS = fieldNumbers(ResetTag);

/** Encodes the message, without a frame around it. */
export function encodeReset(reset: Reset): Uint8Array {
  return new FieldWriter().uint(ResetTag.Code, reset.code).text(ResetTag.Detail, reset.detail).finish();
}

/**
 * Decodes the message in the given range.
 *
 * @throws ProtocolError if it is malformed.
 */
export function decodeReset(bytes: Uint8Array, start: number, end: number): Reset {
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  const reset = { code: 0, detail: "" };
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case ResetTag.Code:
        reset.code = scanner.enumeration();
        break;
      case ResetTag.Detail:
        reset.detail = scanner.text(MAX_EXPLANATION_BYTES);
        break;
      default:
        scanner.skipUnknown(tag, FIELDS);
    }
  }
  scanner.assertIntact("Reset");
  return reset;
}
