/** A round trip through the codec as the tests use it: references from the registry, parts and bytes copied in between. */
import { decodeValue } from "../../../src/codec/decode/decoder.ts";
import { encodeValue } from "../../../src/codec/encode/encoder.ts";
import type { Encoded } from "../../../src/codec/encoded.ts";
import {
  portableByConstructor,
  portableById,
  portableByPrototype,
} from "../../../src/codec/portable-registry.ts";
import type { References, SignalSource } from "../../../src/codec/references.ts";

/** A routine for tests: described by the identity it carries. */
export interface FakeRoutine {
  readonly routineId: string;
  readonly tainted?: boolean;
}

/** References over the registry of portable classes, and over functions that carry a `routineId`. */
export const references: References = {
  describeRoutine: (candidate) => {
    const { routineId, tainted } = candidate as Partial<FakeRoutine>;
    return routineId === undefined
      ? undefined
      : { id: routineId, module: "file:///jobs.ts", generator: false, tainted };
  },
  resolveRoutine: ({ id, module, generator, tainted }) => ({ resolved: id, module, generator, tainted }),
  portableByPrototype,
  portableByConstructor,
  portableById,
};

/** The bytes and parts of an encoded value, copied as a wire would. */
export interface Message {
  readonly bytes: Buffer;
  readonly parts: readonly Uint8Array[];
}

/** Copies what the encoder returned. */
export function messageOf({ bytes, start, end, parts }: Encoded): Message {
  return { bytes: Buffer.from(bytes.slice(start, end)), parts: parts.map((part) => new Uint8Array(part)) };
}

/** Encodes a value for a receiver that reads long text as its code units. */
export function sendUnits(value: unknown): Message {
  return messageOf(encodeValue(value, { root: "value", references, textUnits: true }));
}

/** Encodes a value for a receiver that reads objects of the platform, without the content of blobs. */
export function sendPlatform(value: unknown): Message {
  return messageOf(encodeValue(value, { root: "value", references, platform: true, blobs: true }));
}

/** Encodes an argument or result. */
export function send(value: unknown, root = "value"): Message {
  return messageOf(encodeValue(value, { root, references }));
}

/** Decodes a message that lies in the middle of a larger buffer. */
export function receive({ bytes, parts }: Message, signals?: SignalSource): unknown {
  const larger = Buffer.concat([Buffer.alloc(5, 0xc1), bytes, Buffer.alloc(3, 0xc1)]);
  const encoded = { bytes: larger, start: 5, end: 5 + bytes.length, parts };
  return decodeValue(encoded, { references, signals, source: { local: true } });
}

/** Sends a value and receives it. */
export function roundTrip(value: unknown): unknown {
  return receive(send(value));
}

/** A payload from hexadecimal digits; spaces are ignored. */
export function fromHex(digits: string): Message {
  return { bytes: Buffer.from(digits.replaceAll(" ", ""), "hex"), parts: [] };
}
