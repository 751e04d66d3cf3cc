/** The Ack message, with which a worker accepts a task, as bytes. */
import { FieldScanner, WRONG_TYPE } from "./field-scanner.ts";
import { FieldWriter } from "./field-writer.ts";

/** What an Ack says about the worker; `""`: not stated. */
export interface Ack {
  readonly version: string;
  readonly uid: string;
}

/** Encodes the message, without a frame around it. */
export function encodeAck(ack: Ack): Uint8Array {
  return new FieldWriter().text(1, ack.version).text(101, ack.uid).finish();
}

/**
 * Decodes the message in the given range.
 *
 * @throws ProtocolError if it is malformed.
 */
export function decodeAck(bytes: Uint8Array, start: number, end: number): Ack {
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  const ack = { version: "", uid: "" };
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case 10:
        ack.version = scanner.text();
        break;
      case 810:
        ack.uid = scanner.text();
        break;
      default:
        if (tag >>> 3 === 101) scanner.fail(WRONG_TYPE);
        else scanner.skipUnknown(tag, 1);
    }
  }
  scanner.assertIntact("Ack");
  return ack;
}
