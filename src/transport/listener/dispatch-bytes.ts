/**
 * The bytes of a dispatch relay: the frames that it puts around requests, and where in a batch of the worker a
 * response lies. Nothing is encoded anew: what passes through is copied as it is. Which message may come when is
 * the relay's business.
 */
import type { FieldScanner } from "../../wire/protobuf/field-scanner.ts";
import { varintSize, writeVarint } from "../../wire/protobuf/varint.ts";

/** The relay's session has this one stream. */
export const STREAM = 1;

/** Tags, `number << 3 | wire type`, of a Batch's one field and of a Frame's. */
export const FrameTag = {
  FRAME: 0x0a,
  STREAM: 0x08,
  REQUEST: 0x12,
  RESPONSE: 0x1a,
  HELLO: 0x22,
  GO_AWAY: 0x2a,
  WINDOW: 0x32,
  CHUNK: 0x3a,
  RESET: 0x5a,
} as const;

/** Tags of a Response's payloads. */
export const ResponseTag = {
  ACK: 0x0a,
  NACK: 0x12,
  RESULT: 0x1a,
  EXCEPTION: 0x22,
  DONE: 802,
  PARKED: 810,
} as const;

const PAYLOADS: ReadonlySet<number> = new Set(Object.values(ResponseTag));

/** One frame, as far as the relay looks into it. */
export interface FrameRange {
  readonly stream: number;
  /** Tag of its body; 0: none. */
  readonly body: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

/** One response of the worker, as far as the relay looks into it. */
export interface ResponseRange {
  /** Tag of its payload; 0: none that is known. */
  readonly tag: number;
  /** Where the payload's field begins, with its tag. */
  readonly fieldStart: number;
  /** Where the message in it begins. */
  readonly contentStart: number;
  readonly contentEnd: number;
}

/**
 * Finds the body of a frame.
 *
 * @throws ProtocolError if the frame cannot be read.
 */
export function locateFrame(
  scanner: FieldScanner,
  bytes: Uint8Array,
  start: number,
  end: number,
): FrameRange {
  scanner.reset(bytes, start, end);
  const range = { stream: 0, body: 0, bodyStart: end, bodyEnd: end };
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag === FrameTag.STREAM) {
      range.stream = scanner.uint32();
    } else if ((tag & 7) === 2) {
      const length = scanner.length();
      range.body = tag;
      range.bodyStart = scanner.position;
      range.bodyEnd = scanner.position + length;
      scanner.position = range.bodyEnd;
    } else {
      scanner.skip(tag);
    }
  }
  scanner.assertIntact("Frame");
  return range;
}

/**
 * Finds the payload of a response.
 *
 * @throws ProtocolError if the response cannot be read.
 */
export function locateResponse(
  scanner: FieldScanner,
  bytes: Uint8Array,
  start: number,
  end: number,
): ResponseRange {
  scanner.reset(bytes, start, end);
  let range: ResponseRange = { tag: 0, fieldStart: end, contentStart: end, contentEnd: end };
  for (let fieldStart = start, tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (PAYLOADS.has(tag)) {
      const length = scanner.length();
      range = { tag, fieldStart, contentStart: scanner.position, contentEnd: scanner.position + length };
      scanner.position += length;
    } else {
      scanner.skip(tag);
    }
    fieldStart = scanner.position;
  }
  scanner.assertIntact("Response");
  return range;
}

/** A batch with one frame of the task's stream around a request's bytes as they are. */
export function requestFrame(request: Uint8Array): Uint8Array {
  const body = fieldHead(FrameTag.REQUEST, request.length);
  const length = 2 + body.length + request.length;
  const stream = Uint8Array.of(FrameTag.STREAM, STREAM);
  return joined(fieldHead(FrameTag.FRAME, length), stream, body, request);
}

/** A batch with one frame of the connection around a message's bytes. */
export function connectionFrame(tag: number, content: Uint8Array): Uint8Array {
  const body = fieldHead(tag, content.length);
  return joined(fieldHead(FrameTag.FRAME, body.length + content.length), body, content);
}

/** What comes before the content of a field of bytes whose tag takes one byte. */
export function fieldHead(tag: number, length: number): Uint8Array {
  const head = new Uint8Array(1 + varintSize(length));
  head[0] = tag;
  writeVarint(head, 1, length);
  return head;
}

/** The pieces one after the other, in memory of its own: a channel may give it away. */
export function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
