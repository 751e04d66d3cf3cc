/** The GoAway message, after which a connection takes no new streams, as bytes. */

import { type GoAway, MAX_EXPLANATION_BYTES } from "../frames.ts";
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { GoAwayTag } from "../tags.ts";

const FIELDS = fieldNumbers(GoAwayTag);

/** Encodes the message, without a frame around it. */
export function encodeGoAway(goAway: GoAway): Uint8Array {
  return new FieldWriter()
    .uint(GoAwayTag.LastStream, goAway.lastStream)
    .uint(GoAwayTag.Code, goAway.code)
    .text(GoAwayTag.Detail, goAway.detail)
    .uint(GoAwayTag.GraceMs, goAway.graceMs)
    .flag(GoAwayTag.Unasked, goAway.unasked === true)
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
  const goAway: { -readonly [Field in keyof GoAway]: GoAway[Field] } = {
    lastStream: 0,
    code: 0,
    detail: "",
    graceMs: 0,
  };
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case GoAwayTag.LastStream:
        goAway.lastStream = scanner.uint32();
        break;
      case GoAwayTag.Code:
        goAway.code = scanner.enumeration();
        break;
      case GoAwayTag.Detail:
        goAway.detail = scanner.text(MAX_EXPLANATION_BYTES);
        break;
      case GoAwayTag.GraceMs:
        goAway.graceMs = scanner.uint53();
        break;
      case GoAwayTag.Unasked:
        if (scanner.flag()) goAway.unasked = true;
        break;
      default:
        scanner.skipUnknown(tag, FIELDS);
    }
  }
  scanner.assertIntact("GoAway");
  return goAway;
}
