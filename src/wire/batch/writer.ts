/**
 * Writes the frames of one turn into one batch, as protobuf bytes, without allocating per frame. It checks
 * nothing: numbers are integers in range (see `frames.ts`), streams are open, limits are kept; the session
 * sees to that. Frames are byte for byte what the generated bindings would write.
 */

import { FrameKind } from "../frame-kind.ts";
import type { Define, GoAway, Hello, MessageFields, MessageKind, Nack, TaskFields } from "../frames.ts";
import { encodeAck } from "../messages/ack.ts";
import { type ChunkFields, chunkSize, writeChunkHead } from "../messages/chunk.ts";
import { encodeDefine } from "../messages/define.ts";
import { type FlowHead, flowHeadSize, writeFlowHead } from "../messages/flow.ts";
import { encodeGoAway } from "../messages/go-away.ts";
import { encodeHello } from "../messages/hello.ts";
import { encodeNack } from "../messages/nack.ts";
import { encodeReset } from "../messages/reset.ts";
import type { Payload } from "../payload.ts";
import { varintSize, writeVarint } from "../protobuf/varint.ts";
import {
  BatchTag,
  CancelTag,
  FlowTag,
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
import { traceSize, writeTrace } from "../task/trace.ts";
import { BatchBuffer, HEADROOM } from "./buffer.ts";

/**
 * Appends frames to the batch of the current turn.
 *
 * Of a payload the range of bytes is copied at once. Its parts are sent by others: how many follow on the stream is in
 * the fields, and with `detached`, or the task's flag, the range is one of them and not written.
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

  task(stream: number, fields: TaskFields, payload: Payload): void {
    const { bytes, start } = payload;
    const end = (fields.flags & TaskFlag.Detached) === 0 ? payload.end : start;
    const task = taskSize(fields, end - start);
    const { variables } = fields;
    const request = 1 + varintSize(task) + task + variablesSize(variables);
    let at = this.#frame(stream, FrameTag.Request, request);
    const out = this.#out.bytes;
    out[at++] = RequestTag.Task;
    at = writeVarint(out, at, task);
    at = writeTask(out, at, fields, bytes, start, end);
    if (variables !== undefined) writeVariables(out, at, variables);
  }

  /** @param variables An encoded `ContextChanges`; absent: none. */
  next(stream: number, variables?: Uint8Array): void {
    const at = this.#frame(stream, FrameTag.Request, 2 + variablesSize(variables));
    const out = this.#out.bytes;
    out[at] = RequestTag.Next;
    out[at + 1] = 0;
    if (variables !== undefined) writeVariables(out, at + 2, variables);
  }

  /** Writes a Send, Throw, Return, Result, Exception or Done, or one about a flow. */
  message(stream: number, fields: MessageFields, payload: Payload): void {
    if (fields.flow !== undefined) return this.#flow(stream, fields.flow, fields, payload);
    const { kind, bodyUs, variables } = fields;
    const tag = messageTag(kind);
    const message = messageSize(fields, payload);
    let at = this.#frame(
      stream,
      isRequest(kind) ? FrameTag.Request : FrameTag.Response,
      varintSize(tag) + varintSize(message) + message + bodyTimeSize(bodyUs) + variablesSize(variables),
    );
    const out = this.#out.bytes;
    // Fields in the order of their numbers; body_us (102) and variables (104) are above every payload's.
    at = writeVarint(out, at, tag);
    at = writeVarint(out, at, message);
    at = writeMessage(out, at, fields, payload);
    if (bodyUs > 0) at = writeNumberField(out, at, ResponseTag.BodyUs, bodyUs);
    if (variables !== undefined) writeVariables(out, at, variables);
  }

  /** Writes a message about a flow; one that has nothing in it is left out. */
  #flow(stream: number, head: FlowHead, fields: MessageFields, payload: Payload): void {
    const message = messageSize(fields, payload);
    const { trace } = head;
    const flow =
      flowHeadSize(head) +
      (message === 0 ? 0 : 1 + varintSize(message) + message) +
      (trace === undefined ? 0 : traceSize(trace));
    const tag = fields.kind === FrameKind.CallerFlow ? FrameTag.Request : FrameTag.Response;
    const { variables } = fields;
    let at = this.#frame(stream, tag, variablesSize(variables) + 2 + varintSize(flow) + flow);
    const out = this.#out.bytes;
    if (variables !== undefined) at = writeVariables(out, at, variables);
    at = writeNumberField(out, at, RequestTag.Flow, flow);
    at = writeFlowHead(out, at, head);
    if (message > 0) {
      out[at++] = FlowTag.Message;
      at = writeVarint(out, at, message);
      at = writeMessage(out, at, fields, payload);
    }
    if (trace !== undefined) writeTrace(out, at, trace);
  }

  /** A reason without bytes is none. */
  cancel(stream: number, reason: Payload): void {
    const cancel = reasonSize(reason);
    let at = this.#frame(stream, FrameTag.Request, 2 + varintSize(cancel) + cancel);
    at = writeNumberField(this.#out.bytes, at, RequestTag.Cancel, cancel);
    writeReason(this.#out.bytes, at, CancelTag.Reason, reason);
  }

  /**
   * Grants `count` more values.
   *
   * @param variables An encoded `ContextChanges`; absent: none.
   */
  credit(stream: number, count: number, variables?: Uint8Array): void {
    let at = this.#frame(stream, FrameTag.Request, 2 + varintSize(count) + variablesSize(variables));
    at = writeNumberField(this.#out.bytes, at, RequestTag.Credit, count);
    if (variables !== undefined) writeVariables(this.#out.bytes, at, variables);
  }

  /** A reason without bytes is none. */
  signal(stream: number, index: number, reason: Payload): void {
    const fired = (index === 0 ? 0 : 1 + varintSize(index)) + reasonSize(reason);
    let at = this.#frame(stream, FrameTag.Request, 2 + varintSize(fired) + fired);
    const out = this.#out.bytes;
    at = writeNumberField(out, at, RequestTag.Signal, fired);
    if (index !== 0) {
      out[at++] = SignalFiredTag.Index;
      at = writeVarint(out, at, index);
    }
    writeReason(out, at, SignalFiredTag.Reason, reason);
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

  /** `bodyUs`: how long the body occupied the thread, in microseconds; 0: not stated. */
  parked(stream: number, bodyUs: number): void {
    let at = this.#frame(stream, FrameTag.Response, 3 + bodyTimeSize(bodyUs));
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

  /**
   * Writes a chunk up to its data, which is not copied: the batch has to be taken at once, and the data sent as the rest
   * of it.
   */
  chunkHead(stream: number, fields: ChunkFields): void {
    const at = this.#frame(stream, FrameTag.Chunk, chunkSize(fields), fields.dataLength);
    writeChunkHead(this.#out.bytes, at, fields);
  }

  /**
   * Writes the frame's head for a body of the given size and returns where the body's content begins.
   *
   * @param tail Bytes at the end of the body that are not going to be written here.
   */
  #frame(stream: number, bodyTag: number, size: number, tail = 0): number {
    const head = stream === 0 ? 0 : 1 + varintSize(stream);
    const frame = head + 1 + varintSize(size) + size;
    let at = this.#out.reserve(1 + varintSize(frame) + frame - tail);
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

function messageTag(kind: MessageKind): number {
  switch (kind) {
    case FrameKind.Send:
      return RequestTag.Send;
    case FrameKind.Throw:
      return RequestTag.Throw;
    case FrameKind.Return:
      return RequestTag.Return;
    case FrameKind.Result:
      return ResponseTag.Result;
    case FrameKind.Exception:
      return ResponseTag.Exception;
    case FrameKind.Done:
      return ResponseTag.Done;
    case FrameKind.CallerFlow:
    case FrameKind.WorkerFlow:
      return RequestTag.Flow;
  }
}

function isRequest(kind: MessageKind): boolean {
  return kind === FrameKind.Send || kind === FrameKind.Throw || kind === FrameKind.Return;
}

/** Size of a Message without its tag and length. */
function messageSize({ parts, detached, attached = false }: MessageFields, { start, end }: Payload): number {
  const marks = (detached ? 3 : 0) + (attached ? 3 : 0);
  return bytesSize(detached ? 0 : end - start) + (parts > 0 ? 2 + varintSize(parts) : 0) + marks;
}

/** Writes the fields of a Message, and returns the position after them. */
function writeMessage(out: Uint8Array, position: number, fields: MessageFields, payload: Payload): number {
  const { parts, detached, attached = false } = fields;
  const { bytes, start } = payload;
  let at = writeBytesField(out, position, MessageTag.Dump, bytes, start, detached ? start : payload.end);
  if (parts > 0) at = writeNumberField(out, at, MessageTag.Parts, parts);
  if (detached) at = writeNumberField(out, at, MessageTag.Detached, 1);
  if (attached) at = writeNumberField(out, at, MessageTag.Attached, 1);
  return at;
}

function bodyTimeSize(bodyUs: number): number {
  return bodyUs > 0 ? 2 + varintSize(bodyUs) : 0;
}

/** Size of the field with the variables, of a request and of a response; its tag takes two bytes. */
function variablesSize(variables: Uint8Array | undefined): number {
  return variables === undefined ? 0 : 2 + varintSize(variables.length) + variables.length;
}

/** Writes it, and returns the position after it. */
function writeVariables(out: Uint8Array, position: number, variables: Uint8Array): number {
  const at = writeNumberField(out, position, RequestTag.Variables, variables.length);
  return writeBytes(out, at, variables, 0, variables.length);
}

/** Size of a field of bytes whose tag takes one byte; an empty one is not written. */
function bytesSize(length: number): number {
  return length === 0 ? 0 : 1 + varintSize(length) + length;
}

/** Writes a field of bytes, unless it is empty, and returns the position after it. */
function writeBytesField(
  out: Uint8Array,
  position: number,
  tag: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  if (end === start) return position;
  out[position] = tag;
  return writeBytes(out, writeVarint(out, position + 1, end - start), bytes, start, end);
}

/** Size of a field with a Message that holds the reason, tag included. */
function reasonSize({ start, end }: Payload): number {
  return bytesSize(bytesSize(end - start));
}

/** Writes a field with a Message that holds the reason; nothing when there is none. */
function writeReason(out: Uint8Array, position: number, tag: number, reason: Payload): void {
  const { bytes, start, end } = reason;
  if (end === start) return;
  out[position] = tag;
  const at = writeVarint(out, position + 1, bytesSize(end - start));
  writeBytesField(out, at, MessageTag.Dump, bytes, start, end);
}
