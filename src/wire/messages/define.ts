/** Encodes and decodes the Define message, which assigns an index by which later frames refer to a value. */

import type { Define } from "../frames.ts";
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { DefineTag } from "../tags.ts";

const FIELDS = fieldNumbers(DefineTag);

/** Encodes the message, without a frame around it. */
export function encodeDefine(define: Define): Uint8Array {
  return new FieldWriter()
    .uint(DefineTag.Kind, define.kind)
    .uint(DefineTag.Index, define.index)
    .bytes(DefineTag.Value, define.value)
    .text(DefineTag.Location, define.location)
    .finish();
}

/**
 * Decodes the message in the given range.
 *
 * @returns Its `value` is a copy, which the caller may keep.
 * @throws ProtocolError if it is malformed.
 */
export function decodeDefine(bytes: Uint8Array, start: number, end: number): Define {
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  const define = { kind: 0, index: 0, value: new Uint8Array(0), location: "" };
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case DefineTag.Kind:
        define.kind = scanner.uint32();
        break;
      case DefineTag.Index:
        define.index = scanner.uint32();
        break;
      case DefineTag.Value: {
        const length = scanner.length();
        // Not `slice`, which on a Buffer shares its memory.
        define.value = new Uint8Array(length);
        define.value.set(bytes.subarray(scanner.position, scanner.position + length));
        scanner.position += length;
        break;
      }
      case DefineTag.Location:
        define.location = scanner.text();
        break;
      default:
        scanner.skipUnknown(tag, FIELDS);
    }
  }
  scanner.assertIntact("Define");
  return define;
}
