/**
 * Writes the frames of one turn into one batch, as protobuf bytes, without allocating per frame. It
 * checks nothing: numbers are integers in range (see `frames.ts`), streams are open, limits are kept;
 * that is the session's business. Frames are byte for byte what the generated bindings would write.
 */

import type { Define, GoAway, Hello, Nack, TaskFields } from "../frames.ts";
import { encodeAck } from "../messages/ack.ts";
import { encodeDefine } from "../messages/define.ts";
import { encodeGoAway } from "../messages/go-away.ts";
import { encodeHello } from "../messages/hello.ts";
import { encodeNack } from "../messages/nack.ts";
import { encodeReset } from "../messages/reset.ts";
import { varintSize, writeVarint } from "../protobuf/varint.ts";
import {
  BatchTag,
  CancelTag,
  FrameTag,
  MessageTag,
  PingTag,
  RequestTag,
  ResponseTag,
  SignalFiredTag,
  WindowTag,
} from "../tags.ts";
import { taskSize, writeBytes, writeNumberField, writeTask } from "../task/body.ts";
import { TaskFlag } from "../task/flags.ts";
import { BatchBuffer, HEADROOM } from "./buffer.ts";

/**
 * Appends frames to the batch of the current turn.
 *
 * Payloads are given as a range of bytes and copied at once. `parts` says how many chunked parts follow
 * on the stream; with `detached` the payload itself is part 0 and the range is ignored.
 *
 * @example
 * const writer = new BatchWriter();
 * writer.next(7);
 * socket.write(withLength(writer.take()));
 */
export class BatchWriter {
  /** Bytes that {@link take} leaves free in front, for a carrier's length prefix. */
  static readonly HEADROOM: typeof HEADROOM = HEADROOM;

  readonly #out = new BatchBuffer();

  /** Bytes of frames so far, without the headroom; 0: nothing to send. */
  get length(): number {
    return this.#out.length;
  }

  /**
   * Ends the batch and begins the next.
   *
   * @returns Headroom and batch. The caller owns these bytes and may fill in the headroom; the memory
   *   around them belongs to other batches, so a carrier that would clone or transfer it copies first.
   */
  take(): Uint8Array {
    return this.#out.take();
  }

  task(stream: number, fields: TaskFields, bytes: Uint8Array, start: number, end: number): void {
    const last = (fields.flags & TaskFlag.Detached) === 0 ? end : start;
    const task = taskSize(fields, last - start);
    const request = 1 + varintSize(task) + task;
    let at = this.#frame(stream, FrameTag.Request, request);
    const out = this.#out.bytes;
    out[at++] = RequestTag.Task;
    at = writeVarint(out, at, task);
    writeTask(out, at, fields, bytes, start, last);
  }

  next(stream: number): void {
    const at = this.#frame(stream, FrameTag.Request, 2);
    const out = this.#out.bytes;
    out[at] = RequestTag.Next;
    out[at + 1] = 0;
  }

  send(
    stream: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    parts: number,
    detached: boolean,
  ): void {
    this.#message(stream, FrameTag.Request, RequestTag.Send, bytes, start, end, parts, detached, 0);
  }

  throw(
    stream: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    parts: number,
    detached: boolean,
  ): void {
    this.#message(stream, FrameTag.Request, RequestTag.Throw, bytes, start, end, parts, detached, 0);
  }

  return(
    stream: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    parts: number,
    detached: boolean,
  ): void {
    this.#message(stream, FrameTag.Request, RequestTag.Return, bytes, start, end, parts, detached, 0);
  }

  /** An empty range cancels without a reason. */
  cancel(stream: number, bytes: Uint8Array, start: number, end: number): void {
    const reason = reasonSize(end - start);
    let at = this.#frame(stream, FrameTag.Request, 2 + varintSize(reason) + reason);
    at = writeNumberField(this.#out.bytes, at, RequestTag.Cancel, reason);
    this.#reason(at, CancelTag.Reason, bytes, start, end);
  }

  /** Grants `count` more values. */
  credit(stream: number, count: number): void {
    const at = this.#frame(stream, FrameTag.Request, 2 + varintSize(count));
    writeNumberField(this.#out.bytes, at, RequestTag.Credit, count);
  }

  /** An empty range fires the signal without a reason. */
  signal(stream: number, index: number, bytes: Uint8Array, start: number, end: number): void {
    const fired = (index === 0 ? 0 : 1 + varintSize(index)) + reasonSize(end - start);
    let at = this.#frame(stream, FrameTag.Request, 2 + varintSize(fired) + fired);
    const out = this.#out.bytes;
    at = writeNumberField(out, at, RequestTag.Signal, fired);
    if (index !== 0) {
      out[at++] = SignalFiredTag.Index;
      at = writeVarint(out, at, index);
    }
    this.#reason(at, SignalFiredTag.Reason, bytes, start, end);
  }

  ack(stream: number, version: string, uid: string): void {
    this.#nested(
      stream,
      FrameTag.Response,
      ResponseTag.Ack,
      encodeAck({ version, uid, codec: "", features: [] }),
    );
  }

  nack(stream: number, nack: Nack): void {
    this.#nested(stream, FrameTag.Response, ResponseTag.Nack, encodeNack(nack));
  }

  /** `bodyUs`: how long the body held the thread, in microseconds; 0: not stated. */
  result(
    stream: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    parts: number,
    detached: boolean,
    bodyUs: number,
  ): void {
    this.#message(stream, FrameTag.Response, ResponseTag.Result, bytes, start, end, parts, detached, bodyUs);
  }

  exception(
    stream: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    parts: number,
    detached: boolean,
    bodyUs: number,
  ): void {
    this.#message(
      stream,
      FrameTag.Response,
      ResponseTag.Exception,
      bytes,
      start,
      end,
      parts,
      detached,
      bodyUs,
    );
  }

  done(
    stream: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    parts: number,
    detached: boolean,
    bodyUs: number,
  ): void {
    this.#message(stream, FrameTag.Response, ResponseTag.Done, bytes, start, end, parts, detached, bodyUs);
  }

  parked(stream: number, bodyUs: number): void {
    let at = this.#frame(stream, FrameTag.Response, 3 + bodySize(bodyUs));
    const out = this.#out.bytes;
    at = writeNumberField(out, at, ResponseTag.Parked, 0);
    if (bodyUs > 0) writeNumberField(out, at, ResponseTag.BodyUs, bodyUs);
  }

  hello(hello: Hello): void {
    this.#whole(0, FrameTag.Hello, encodeHello(hello));
  }

  goAway(goAway: GoAway): void {
    this.#whole(0, FrameTag.Goaway, encodeGoAway(goAway));
  }

  /** Grants `bytes` more on the stream; on stream 0, on the connection. */
  window(stream: number, bytes: number): void {
    this.#number(stream, FrameTag.Window, WindowTag.Bytes, bytes);
  }

  define(define: Define): void {
    this.#whole(0, FrameTag.Define, encodeDefine(define));
  }

  ping(token: number): void {
    this.#number(0, FrameTag.Ping, PingTag.Token, token);
  }

  pong(token: number): void {
    this.#number(0, FrameTag.Pong, PingTag.Token, token);
  }

  reset(stream: number, code: number, detail: string): void {
    this.#whole(stream, FrameTag.Reset, encodeReset({ code, detail }));
  }

  /** Writes the frame's head for a body of the given size and returns where the body's content begins. */
  #frame(stream: number, bodyTag: number, size: number): number {
    const head = stream === 0 ? 0 : 1 + varintSize(stream);
    const frame = head + 1 + varintSize(size) + size;
    let at = this.#out.reserve(1 + varintSize(frame) + frame);
    const out = this.#out.bytes;
    out[at++] = BatchTag.Frames;
    at = writeVarint(out, at, frame);
    if (stream !== 0) {
      out[at++] = FrameTag.Stream;
      at = writeVarint(out, at, stream);
    }
    out[at++] = bodyTag;
    return writeVarint(out, at, size);
  }

  #message(
    stream: number,
    bodyTag: number,
    tag: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    parts: number,
    detached: boolean,
    bodyUs: number,
  ): void {
    const dump = detached ? 0 : end - start;
    const message =
      (dump === 0 ? 0 : 1 + varintSize(dump) + dump) +
      (parts > 0 ? 2 + varintSize(parts) : 0) +
      (detached ? 3 : 0);
    let at = this.#frame(stream, bodyTag, varintSize(tag) + varintSize(message) + message + bodySize(bodyUs));
    const out = this.#out.bytes;
    // Fields in the order of their numbers; body_us (102) is above every payload's.
    at = writeVarint(out, at, tag);
    at = writeVarint(out, at, message);
    if (dump !== 0) {
      out[at++] = MessageTag.Dump;
      at = writeVarint(out, at, dump);
      at = writeBytes(out, at, bytes, start, end);
    }
    if (parts > 0) at = writeNumberField(out, at, MessageTag.Parts, parts);
    if (detached) at = writeNumberField(out, at, MessageTag.Detached, 1);
    if (bodyUs > 0) writeNumberField(out, at, ResponseTag.BodyUs, bodyUs);
  }

  /** Writes `tag` and a Message that holds the range; nothing for an empty range. */
  #reason(position: number, tag: number, bytes: Uint8Array, start: number, end: number): void {
    if (end === start) return;
    const out = this.#out.bytes;
    const dump = end - start;
    let at = position;
    out[at++] = tag;
    at = writeVarint(out, at, 1 + varintSize(dump) + dump);
    out[at++] = MessageTag.Dump;
    at = writeVarint(out, at, dump);
    writeBytes(out, at, bytes, start, end);
  }

  /** Writes a frame whose body holds one number. */
  #number(stream: number, bodyTag: number, tag: number, value: number): void {
    const at = this.#frame(stream, bodyTag, value === 0 ? 0 : 1 + varintSize(value));
    if (value === 0) return;
    this.#out.bytes[at] = tag;
    writeVarint(this.#out.bytes, at + 1, value);
  }

  /** Writes a frame whose body is already encoded. */
  #whole(stream: number, bodyTag: number, body: Uint8Array): void {
    const at = this.#frame(stream, bodyTag, body.length);
    this.#out.bytes.set(body, at);
  }

  /** Writes a frame whose body holds one message that is already encoded. */
  #nested(stream: number, bodyTag: number, tag: number, message: Uint8Array): void {
    let at = this.#frame(stream, bodyTag, 1 + varintSize(message.length) + message.length);
    const out = this.#out.bytes;
    out[at++] = tag;
    at = writeVarint(out, at, message.length);
    out.set(message, at);
  }
}

function bodySize(bodyUs: number): number {
  return bodyUs > 0 ? 2 + varintSize(bodyUs) : 0;
}

/** Size of a reason field, tag included, that holds so many bytes. */
function reasonSize(dump: number): number {
  if (dump === 0) return 0;
  const message = 1 + varintSize(dump) + dump;
  return 1 + varintSize(message) + message;
}
