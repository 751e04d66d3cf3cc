/**
 * The Nack message, with which a worker refuses a task, as bytes. The serialized exception that the
 * original puts in it is neither written nor read here: a refusal has a code.
 */

import { MAX_EXPLANATION_BYTES, MAX_NAME_BYTES, type Nack } from "../frames.ts";
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { NackTag } from "../tags.ts";

const FIELDS = fieldNumbers(NackTag);

/** Makes a Nack. The worker's version is left to the session that sends it. */
export function createNack(code: number, reason: string, retryAfterMs: number = 0): Nack {
  return { code, reason, retryAfterMs, version: "" };
}

/** Encodes the message, without a frame around it. */
export function encodeNack(nack: Nack): Uint8Array {
  return new FieldWriter()
    .text(NackTag.Reason, nack.reason)
    .uint(NackTag.Code, nack.code)
    .uint(NackTag.RetryAfterMs, nack.retryAfterMs)
    .text(NackTag.Version, nack.version)
    .finish();
}

/**
 * Decodes the message in the given range.
 *
 * @throws ProtocolError if it is malformed.
 */
export function decodeNack(bytes: Uint8Array, start: number, end: number): Nack {
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  const nack = { code: 0, reason: "", retryAfterMs: 0, version: "" };
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case NackTag.Reason:
        nack.reason = scanner.text(MAX_EXPLANATION_BYTES);
        break;
      case NackTag.Code:
        nack.code = scanner.enumeration();
        break;
      case NackTag.RetryAfterMs:
        nack.retryAfterMs = scanner.uint53();
        break;
      case NackTag.Version:
        nack.version = scanner.text(MAX_NAME_BYTES);
        break;
      default:
        scanner.skipUnknown(tag, FIELDS);
    }
  }
  scanner.assertIntact("Nack");
  return nack;
}
