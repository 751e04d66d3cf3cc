/** The Ack message, with which a worker accepts a task, as bytes. */

import { MAX_LISTED, MAX_NAME_BYTES } from "../frames.ts";
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { AckTag } from "../tags.ts";

const FIELDS = fieldNumbers(AckTag);

/** The content of an Ack about the worker; `""` or empty: not stated. */
export interface Ack {
  readonly version: string;
  readonly uid: string;
  /** Payload codec of the call's messages. */
  readonly codec: string;
  /** Numbers of `Feature`s, and those that a newer peer knows. */
  readonly features: readonly number[];
}

/** Encodes the message, without a frame around it. */
export function encodeAck(ack: Ack): Uint8Array {
  const writer = new FieldWriter().text(AckTag.Version, ack.version);
  if (ack.features.length > 0) writer.packed(AckTag.Features, ack.features);
  return writer.text(AckTag.Uid, ack.uid).text(AckTag.Codec, ack.codec).finish();
}

/**
 * Decodes the message in the given range; of texts and lists that no peer of ours would send, the beginning.
 *
 * @throws ProtocolError if it is malformed.
 */
export function decodeAck(bytes: Uint8Array, start: number, end: number): Ack {
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  const features: number[] = [];
  const ack = { version: "", uid: "", codec: "", features };
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case AckTag.Version:
        ack.version = scanner.text(MAX_NAME_BYTES);
        break;
      case AckTag.FeaturesUnpacked:
        list(features, scanner.uint32());
        break;
      case AckTag.Features: {
        const outer = scanner.enter();
        while (scanner.position < scanner.end) list(features, scanner.uint32());
        scanner.leave(outer);
        break;
      }
      case AckTag.Uid:
        ack.uid = scanner.text(MAX_NAME_BYTES);
        break;
      case AckTag.Codec:
        ack.codec = scanner.text(MAX_NAME_BYTES);
        break;
      default:
        scanner.skipUnknown(tag, FIELDS);
    }
  }
  scanner.assertIntact("Ack");
  return ack;
}

function list(numbers: number[], value: number): void {
  if (numbers.length < MAX_LISTED) numbers.push(value);
}
