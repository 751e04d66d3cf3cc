/** The RoutineOrigin message, which a Define of a routine may hold, as bytes. */

import { MAX_NAME_BYTES, type RoutineOrigin } from "../frames.ts";
import { type FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { RoutineOriginTag } from "../tags.ts";

const FIELDS = fieldNumbers(RoutineOriginTag);

/** Longer paths are those of files that no system has; more than these places is more than anybody looks at. */
const MAX_PATH_BYTES = 4_096;
/** Of SHA-256; a peer that has another hash has none that is known here. */
const HASH_BYTES = 32;

/** Encodes the message, without anything around it. */
export function encodeRoutineOrigin(origin: RoutineOrigin): Uint8Array {
  return new FieldWriter()
    .text(RoutineOriginTag.Copy, origin.copy)
    .text(RoutineOriginTag.PackageVersion, origin.packageVersion)
    .bytes(RoutineOriginTag.ScriptHash, origin.scriptHash)
    .text(RoutineOriginTag.Path, origin.path)
    .finish();
}

/**
 * Reads the message that a scanner has entered; of texts that no peer of ours would send, the beginning.
 *
 * @returns Its hash is a copy, which the caller may keep.
 */
export function scanRoutineOrigin(scanner: FieldScanner): RoutineOrigin {
  const origin = { copy: "", packageVersion: "", scriptHash: new Uint8Array(0), path: "" };
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case RoutineOriginTag.Copy:
        origin.copy = scanner.text(MAX_PATH_BYTES);
        break;
      case RoutineOriginTag.PackageVersion:
        origin.packageVersion = scanner.text(MAX_NAME_BYTES);
        break;
      case RoutineOriginTag.ScriptHash: {
        const length = scanner.length();
        // Not `slice`, which on a Buffer shares its memory.
        origin.scriptHash = new Uint8Array(length === HASH_BYTES ? length : 0);
        origin.scriptHash.set(
          scanner.bytes.subarray(scanner.position, scanner.position + origin.scriptHash.length),
        );
        scanner.position += length;
        break;
      }
      case RoutineOriginTag.Path:
        origin.path = scanner.text(MAX_PATH_BYTES);
        break;
      default:
        scanner.skipUnknown(tag, FIELDS);
    }
  }
  return origin;
}
