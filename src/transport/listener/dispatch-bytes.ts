/**
 * The bytes of a dispatch relay: the frames that it puts around requests, and where in a batch of the worker a
 * response lies. Nothing is encoded anew: what passes through is copied as it is. Which message may come when is
 * the relay's business.
 */
import { FieldScanner } from "../../wire/protobuf/field-scanner.ts";
import { varintSize, writeVarint } from "../../wire/protobuf/varint.ts";
import { BatchTag, FrameTag, ResponseTag } from "../../wire/tags.ts";

/** The relay's session has this one stream. */
export const STREAM = 1;

/** What a Response may hold; its other fields are no payload. */
const PAYLOADS: ReadonlySet<number> = new Set<number>([
  ResponseTag.Ack,
  ResponseTag.Nack,
  ResponseTag.Result,
  ResponseTag.Exception,
  ResponseTag.Done,
  ResponseTag.Parked,
]);

const NOTHING = new Uint8Array(0);

/** A cursor over the frames of one batch after another, as far as the relay looks into them. */
export class FrameCursor {
  /** The current frame's stream; 0: the connection. */
  stream = 0;
  /** Tag of its body; 0: none. */
  body = 0;
  bodyStart = 0;
  bodyEnd = 0;
  readonly #scanner = new FieldScanner();
  #bytes: Uint8Array = NOTHING;
  #position = 0;
  #end = 0;

  /** Goes to the beginning of the batch in the given range. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  /**
   * Goes to the next frame.
   *
   * @returns `false` at the end of the batch.
   * @throws ProtocolError if the batch or the frame cannot be read.
   */
  next(): boolean {
    const scanner = this.#scanner;
    scanner.reset(this.#bytes, this.#position, this.#end);
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag !== BatchTag.Frames) {
        scanner.skip(tag);
        continue;
      }
      const length = scanner.length();
      if (scanner.problem !== "") break;
      const start = scanner.position;
      this.#position = start + length;
      this.#locateBody(start, this.#position);
      return true;
    }
    scanner.assertIntact("Batch");
    return false;
  }

  #locateBody(start: number, end: number): void {
    const scanner = this.#scanner;
    scanner.reset(this.#bytes, start, end);
    this.stream = 0;
    this.body = 0;
    this.bodyStart = end;
    this.bodyEnd = end;
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === FrameTag.Stream) {
        this.stream = scanner.uint32();
      } else if ((tag & 7) === 2) {
        const length = scanner.length();
        this.body = tag;
        this.bodyStart = scanner.position;
        this.bodyEnd = scanner.position + length;
        scanner.position = this.bodyEnd;
      } else {
        scanner.skip(tag);
      }
    }
    scanner.assertIntact("Frame");
  }
}

/** Where the payload of a response lies; reused from one response to the next. */
export class ResponseCursor {
  bytes: Uint8Array = NOTHING;
  /** The whole response. */
  start = 0;
  end = 0;
  /** Tag of its payload; 0: none that is known. */
  tag = 0;
  /** Where the payload's field begins, with its tag. */
  fieldStart = 0;
  /** Where the message in it begins. */
  contentStart = 0;
  contentEnd = 0;
  readonly #scanner = new FieldScanner();

  /**
   * Goes to the response in the given range.
   *
   * @throws ProtocolError if it cannot be read.
   */
  reset(bytes: Uint8Array, start: number, end: number): void {
    const scanner = this.#scanner;
    scanner.reset(bytes, start, end);
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.tag = 0;
    for (let fieldStart = start, tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (PAYLOADS.has(tag)) {
        const length = scanner.length();
        this.tag = tag;
        this.fieldStart = fieldStart;
        this.contentStart = scanner.position;
        this.contentEnd = scanner.position + length;
        scanner.position += length;
      } else {
        scanner.skip(tag);
      }
      fieldStart = scanner.position;
    }
    scanner.assertIntact("Response");
  }

  /** The whole response as it is; a view. */
  get whole(): Uint8Array {
    return this.bytes.subarray(this.start, this.end);
  }

  /** The same response with its payload under another tag; a copy. */
  retagged(tag: number): Uint8Array {
    return joined(
      this.bytes.subarray(this.start, this.fieldStart),
      fieldHead(tag, this.contentEnd - this.contentStart),
      this.bytes.subarray(this.contentStart, this.end),
    );
  }
}

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
function joined(...pieces: readonly Uint8Array[]): Uint8Array {
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
