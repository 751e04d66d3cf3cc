/** Encodes and decodes the Define message, which assigns an index by which later frames refer to a value. */

import type { Define } from "../frames.ts";
import { FieldScanner, fieldNumbers, TWICE } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { DefineTag } from "../tags.ts";
import { encodeRoutineOrigin, scanRoutineOrigin } from "./routine-origin.ts";

const FIELDS = fieldNumbers(DefineTag);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Encodes the message, without a frame around it. */
export function encodeDefine(define: Define): Uint8Array {
  const writer = new FieldWriter()
    .uint(DefineTag.Kind, define.kind)
    .uint(DefineTag.Index, define.index)
    .bytes(DefineTag.Value, define.value)
    .text(DefineTag.Location, define.location);
  if (define.origin !== undefined) writer.bytes(DefineTag.Origin, encodeRoutineOrigin(define.origin));
  return writer.flag(DefineTag.Tainted, define.tainted === true).finish();
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
  const define: Mutable<Define> = {
    kind: 0,
    index: 0,
    value: new Uint8Array(0),
    location: "",
  };
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
        const value = new Uint8Array(length);
        value.set(bytes.subarray(scanner.position, scanner.position + length));
        define.value = value;
        scanner.position += length;
        break;
      }
      case DefineTag.Location:
        define.location = scanner.text();
        break;
      case DefineTag.Origin: {
        if (define.origin !== undefined) scanner.fail(TWICE);
        const outer = scanner.enter();
        define.origin = scanRoutineOrigin(scanner);
        scanner.leave(outer);
        break;
      }
      case DefineTag.Tainted:
        if (scanner.flag()) define.tainted = true;
        break;
      default:
        scanner.skipUnknown(tag, FIELDS);
    }
  }
  scanner.assertIntact("Define");
  return define;
}
