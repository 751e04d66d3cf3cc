/**
 * The bytes that the relay of a dispatch puts around the messages it passes on. Nothing is encoded anew: a request or
 * a payload is copied as it is.
 */
import { varintSize, writeVarint } from "../../../wire/protobuf/varint.ts";
import { BatchTag, FrameTag } from "../../../wire/tags.ts";

/** The relay's session has this one stream. */
export const STREAM = 1;

/** A batch with one frame of the task's stream around a request's bytes as they are. */
export function requestFrame(request: Uint8Array): Uint8Array {
  const body = fieldHead(FrameTag.Request, request.length);
  const length = 2 + body.length + request.length;
  const stream = Uint8Array.of(FrameTag.Stream, STREAM);
  return joined(fieldHead(BatchTag.Frames, length), stream, body, request);
}

/** A batch with one frame of the connection around a message's bytes. */
export function connectionFrame(tag: number, content: Uint8Array): Uint8Array {
  const body = fieldHead(tag, content.length);
  return joined(fieldHead(BatchTag.Frames, body.length + content.length), body, content);
}

/** A response around one payload's bytes. */
export function responseOf(tag: number, content: Uint8Array): Uint8Array {
  return joined(fieldHead(tag, content.length), content);
}

/** What comes before the content of a field of bytes. */
export function fieldHead(tag: number, length: number): Uint8Array {
  const head = new Uint8Array(varintSize(tag) + varintSize(length));
  writeVarint(head, writeVarint(head, 0, tag), length);
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
