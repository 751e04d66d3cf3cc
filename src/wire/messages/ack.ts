/** The Ack message, with which a worker accepts a task, as bytes. */

import { MAX_LISTED, MAX_NAME_BYTES } from "../frames.ts";
import { FieldScanner, WRONG_TYPE } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";

/** What an Ack says about the worker; `""` or empty: not stated. */
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
  const writer = new FieldWriter().text(1, ack.version);
  if (ack.features.length > 0) writer.packed(100, ack.features);
  return writer.text(101, ack.uid).text(102, ack.codec).finish();
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
      case 10:
        ack.version = scanner.text(MAX_NAME_BYTES);
        break;
      case 800:
        list(features, scanner.uint32());
        break;
      case 802: {
        const outer = scanner.enter();
        while (scanner.position < scanner.end) list(features, scanner.uint32());
        scanner.leave(outer);
        break;
      }
      case 810:
        ack.uid = scanner.text(MAX_NAME_BYTES);
        break;
      case 818:
        ack.codec = scanner.text(MAX_NAME_BYTES);
        break;
      default:
        if (tag >>> 3 >= 100 && tag >>> 3 <= 102) scanner.fail(WRONG_TYPE);
        else scanner.skipUnknown(tag, 1);
    }
  }
  scanner.assertIntact("Ack");
  return ack;
}

function list(numbers: number[], value: number): void {
  if (numbers.length < MAX_LISTED) numbers.push(value);
}
