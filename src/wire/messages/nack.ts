/**
 * The Nack message, with which a worker refuses a task, as bytes. The serialized exception that the
 * original puts in it is neither written nor read here: a refusal has a code.
 */

import { MAX_EXPLANATION_BYTES, MAX_NAME_BYTES, type Nack } from "../frames.ts";
import { FieldScanner, WRONG_TYPE } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";

/** Encodes the message, without a frame around it. */
export function encodeNack(nack: Nack): Uint8Array {
  return new FieldWriter()
    .text(100, nack.reason)
    .uint(101, nack.code)
    .uint(102, nack.retryAfterMs)
    .text(103, nack.version)
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
      case 802:
        nack.reason = scanner.text(MAX_EXPLANATION_BYTES);
        break;
      case 808:
        nack.code = scanner.enumeration();
        break;
      case 816:
        nack.retryAfterMs = scanner.uint53();
        break;
      case 826:
        nack.version = scanner.text(MAX_NAME_BYTES);
        break;
      default:
        if (tag >>> 3 >= 100 && tag >>> 3 <= 103) scanner.fail(WRONG_TYPE);
        else scanner.skip(tag);
    }
  }
  scanner.assertIntact("Nack");
  return nack;
}
