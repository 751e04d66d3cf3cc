/** The GoAway message, after which a connection takes no new streams, as bytes. */

import { type GoAway, MAX_EXPLANATION_BYTES } from "../frames.ts";
import { FieldScanner } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";

/** Encodes the message, without a frame around it. */
export function encodeGoAway(goAway: GoAway): Uint8Array {
  return new FieldWriter()
    .uint(1, goAway.lastStream)
    .uint(2, goAway.code)
    .text(3, goAway.detail)
    .uint(4, goAway.graceMs)
    .finish();
}

/**
 * Decodes the message in the given range.
 *
 * @throws ProtocolError if it is malformed.
 */
export function decodeGoAway(bytes: Uint8Array, start: number, end: number): GoAway {
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  const goAway = { lastStream: 0, code: 0, detail: "", graceMs: 0 };
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case 8:
        goAway.lastStream = scanner.uint32();
        break;
      case 16:
        goAway.code = scanner.enumeration();
        break;
      case 26:
        goAway.detail = scanner.text(MAX_EXPLANATION_BYTES);
        break;
      case 32:
        goAway.graceMs = scanner.uint53();
        break;
      default:
        scanner.skipUnknown(tag, 4);
    }
  }
  scanner.assertIntact("GoAway");
  return goAway;
}
