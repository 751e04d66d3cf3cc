/**
 * Reads the frames of a batch in place: a cursor that is reused, with the fields of the current frame
 * in plain properties. It tells a frame whose bytes are broken (kind `Malformed`, the batch goes on)
 * from a batch that is (a thrown `ProtocolError`: where the next frame begins is lost). What a frame
 * means, and whether it may come now, is the session's business.
 *
 * Unknown fields are skipped and of a repeated scalar the last counts, as protobuf wants. Stricter than
 * protobuf, because no encoder writes it: a number that its type cannot hold, a 64-bit number above
 * 2^53 - 1, a group, and a nested message or a oneof that occurs twice make a frame malformed.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";
import { FrameKind } from "../frame-kind.ts";
import type { Caller, Define, GoAway, Hello, Nack, Reset } from "../frames.ts";
import { type Ack, decodeAck } from "../messages/ack.ts";
import { decodeDefine } from "../messages/define.ts";
import { decodeGoAway } from "../messages/go-away.ts";
import { decodeHello } from "../messages/hello.ts";
import { decodeNack } from "../messages/nack.ts";
import { decodeReset } from "../messages/reset.ts";
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import {
  BatchTag,
  CancelTag,
  ChunkTag,
  FrameTag,
  MessageTag,
  PingTag,
  RequestTag,
  ResponseTag,
  SignalFiredTag,
  WindowTag,
} from "../tags.ts";
import { TaskReader } from "../task/reader.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
const TWICE = "a message occurs twice";

const BATCH_FIELDS = fieldNumbers(BatchTag);
const FRAME_FIELDS = fieldNumbers(FrameTag);
const REQUEST_FIELDS = fieldNumbers(RequestTag);
const RESPONSE_FIELDS = fieldNumbers(ResponseTag);
const MESSAGE_FIELDS = fieldNumbers(MessageTag);
const CANCEL_FIELDS = fieldNumbers(CancelTag);
const SIGNAL_FIELDS = fieldNumbers(SignalFiredTag);
const CHUNK_FIELDS = fieldNumbers(ChunkTag);
const WINDOW_FIELDS = fieldNumbers(WindowTag);
const PING_FIELDS = fieldNumbers(PingTag);

/**
 * A cursor over the frames of one batch after another.
 *
 * Properties that the current kind does not use are 0, `false` or `""`.
 *
 * @example
 * reader.reset(bytes, 0, bytes.length);
 * while (reader.next()) {
 *   if (reader.kind === FrameKind.Done) settle(reader.stream, reader.payloadStart, reader.payloadEnd);
 * }
 */
export class BatchReader {
  /** What the current frame is. */
  kind: FrameKind = FrameKind.Unknown;
  /** The frame's stream; 0: the connection, or, in a malformed frame, not readable. */
  stream = 0;
  /** What is wrong with a malformed frame. */
  problem = "";

  /** The bytes being read; the ranges below are in it. */
  bytes: Uint8Array = NOTHING;
  /** Where the frame's payload begins: the dump of its message, a Task's arguments, a Chunk's data. */
  payloadStart = 0;
  /** Where the payload ends; equal to the start when there is none. */
  payloadEnd = 0;
  /** Chunked parts that follow on the stream. */
  parts = 0;
  /** Whether the payload is part 0 instead. */
  detached = false;
  /** How long the body held the thread, in microseconds; 0: not stated. */
  bodyUs = 0;
  /** Credit: values. Window: bytes. Ping, Pong: token. Signal: index. */
  count = 0;

  /** Chunk: number of the part. */
  chunkPart = 0;
  /** Chunk: length of the whole part in bytes; 0: not stated. */
  chunkTotal = 0;
  /** Chunk: whether it is the last of its part. */
  chunkLast = false;

  readonly #scanner = new FieldScanner();
  readonly #task = new TaskReader();
  #position = 0;
  #end = 0;
  /** The innermost message of the frame, for those decoded on demand. */
  #contentStart = 0;
  #contentEnd = 0;

  /** Goes to the beginning of the batch in the given range. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.#position = start;
    this.#end = end;
    this.#clear();
  }

  /**
   * Goes to the next frame.
   *
   * @returns `false` at the end of the batch.
   * @throws ProtocolError if the bytes between frames are broken; the batch cannot be read on.
   */
  next(): boolean {
    const scanner = this.#scanner;
    this.#clear();
    scanner.reset(this.bytes, this.#position, this.#end);
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === BatchTag.Frames) {
        const length = scanner.length();
        if (scanner.problem !== "") break;
        const start = scanner.position;
        this.#position = start + length;
        this.#readFrame(start, this.#position);
        return true;
      }
      scanner.skipUnknown(tag, BATCH_FIELDS);
    }
    this.#position = this.#end;
    if (scanner.problem !== "") throw new ProtocolError(`Cannot read a batch: ${scanner.problem}`);
    return false;
  }

  /** Task: index of the routine; 0: see {@link callable}. */
  get routineRef(): number {
    return this.#task.routineRef;
  }

  /** Task: index of the proxy descriptor; 0: none. */
  get proxyRef(): number {
    return this.#task.proxyRef;
  }

  /** Task: bits of `TaskFlag`. */
  get flags(): number {
    return this.#task.flags;
  }

  /** Task: time left, in microseconds; 0: no limit. */
  get budgetUs(): number {
    return this.#task.budgetUs;
  }

  /** Task: values that a generator may run ahead. */
  get credit(): number {
    return this.#task.credit;
  }

  /** Task: identity of the routine, when it is not given by index. */
  callable(): string | undefined {
    return this.#task.callable(this.bytes);
  }

  /** Task: the caller's tag. */
  tag(): string | undefined {
    return this.#task.tag(this.bytes);
  }

  /** Task: whether it has arguments by name, which the codec has no place for. */
  get hasKeywords(): boolean {
    return this.#task.hasKeywords;
  }

  /** Task: its id, where the caller has chosen one. */
  taskId(): string | undefined {
    return this.#task.id(this.bytes);
  }

  /** Task: id of the task it was called from, where `callers` does not say more. */
  caller(): string | undefined {
    return this.#task.caller(this.bytes);
  }

  /** Task: numbers of the features that its caller understands, where no Hello has stated them. */
  taskFeatures(): readonly number[] {
    return this.#task.features(this.bytes);
  }

  /** Task: version of the caller, where no Hello has stated it. */
  taskVersion(): string | undefined {
    return this.#task.version(this.bytes);
  }

  /** Task: payload codec; absent: the first that both Hellos name. */
  taskCodec(): string | undefined {
    return this.#task.codec(this.bytes);
  }

  /** Task: the tasks it was called from, nearest first. */
  callers(): readonly Caller[] | undefined {
    return this.#task.callers(this.bytes);
  }

  /** Task: trace context by header name. */
  trace(): ReadonlyMap<string, string> | undefined {
    return this.#task.trace(this.bytes);
  }

  /** @throws ProtocolError if the content is malformed or the frame is another. */
  hello(): Hello {
    this.#expect(FrameKind.Hello);
    return decodeHello(this.bytes, this.#contentStart, this.#contentEnd);
  }

  /** @throws ProtocolError if the content is malformed or the frame is another. */
  goAway(): GoAway {
    this.#expect(FrameKind.GoAway);
    return decodeGoAway(this.bytes, this.#contentStart, this.#contentEnd);
  }

  /** @throws ProtocolError if the content is malformed or the frame is another. */
  nack(): Nack {
    this.#expect(FrameKind.Nack);
    return decodeNack(this.bytes, this.#contentStart, this.#contentEnd);
  }

  /** @throws ProtocolError if the content is malformed or the frame is another. */
  ack(): Ack {
    this.#expect(FrameKind.Ack);
    return decodeAck(this.bytes, this.#contentStart, this.#contentEnd);
  }

  /** @throws ProtocolError if the content is malformed or the frame is another. */
  define(): Define {
    this.#expect(FrameKind.Define);
    return decodeDefine(this.bytes, this.#contentStart, this.#contentEnd);
  }

  /** @throws ProtocolError if the content is malformed or the frame is another. */
  resetInfo(): Reset {
    this.#expect(FrameKind.Reset);
    return decodeReset(this.bytes, this.#contentStart, this.#contentEnd);
  }

  #readFrame(start: number, end: number): void {
    const scanner = this.#scanner;
    scanner.end = end;
    let body = 0;
    let bodyStart = 0;
    let bodyEnd = 0;
    // The stream is looked for in the whole frame first, so that a broken body can be answered on it.
    scanner.position = start;
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === FrameTag.Stream) {
        this.stream = scanner.uint32();
      } else if ((tag & 7) === 2 && tag >= FrameTag.Request && tag <= FrameTag.Reset) {
        if (body !== 0) scanner.fail(TWICE);
        body = tag;
        const length = scanner.length();
        bodyStart = scanner.position;
        bodyEnd = bodyStart + length;
        scanner.position = bodyEnd;
      } else {
        scanner.skipUnknown(tag, FRAME_FIELDS);
      }
    }
    if (scanner.problem === "" && body !== 0) {
      scanner.position = bodyStart;
      scanner.end = bodyEnd;
      if (body === FrameTag.Response) this.#readResponse(scanner);
      else if (body === FrameTag.Request) this.#readRequest(scanner);
      else this.#readBody(scanner, body);
    }
    if (scanner.problem !== "") this.#spoil(scanner.problem);
  }

  #readRequest(scanner: FieldScanner): void {
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      switch (tag) {
        case RequestTag.Task:
          this.#become(scanner, FrameKind.Task);
          this.#readTask(scanner);
          break;
        case RequestTag.Next:
          this.#become(scanner, FrameKind.Next);
          scanner.skip(tag);
          break;
        case RequestTag.Send:
          this.#become(scanner, FrameKind.Send);
          this.#readMessage(scanner);
          break;
        case RequestTag.Throw:
          this.#become(scanner, FrameKind.Throw);
          this.#readMessage(scanner);
          break;
        case RequestTag.Return:
          this.#become(scanner, FrameKind.Return);
          this.#readMessage(scanner);
          break;
        case RequestTag.Cancel:
          this.#become(scanner, FrameKind.Cancel);
          this.#readCancel(scanner);
          break;
        case RequestTag.Credit:
          if (this.kind !== FrameKind.Credit) this.#become(scanner, FrameKind.Credit);
          this.count = scanner.uint32();
          break;
        case RequestTag.Signal:
          this.#become(scanner, FrameKind.Signal);
          this.#readSignal(scanner);
          break;
        default:
          scanner.skipUnknown(tag, REQUEST_FIELDS);
      }
    }
  }

  #readResponse(scanner: FieldScanner): void {
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      switch (tag) {
        case ResponseTag.Ack:
          this.#become(scanner, FrameKind.Ack);
          this.#readContent(scanner);
          break;
        case ResponseTag.Nack:
          this.#become(scanner, FrameKind.Nack);
          this.#readContent(scanner);
          break;
        case ResponseTag.Result:
          this.#become(scanner, FrameKind.Result);
          this.#readMessage(scanner);
          break;
        case ResponseTag.Exception:
          this.#become(scanner, FrameKind.Exception);
          this.#readMessage(scanner);
          break;
        case ResponseTag.Done:
          this.#become(scanner, FrameKind.Done);
          this.#readMessage(scanner);
          break;
        case ResponseTag.Parked:
          this.#become(scanner, FrameKind.Parked);
          scanner.skip(tag);
          break;
        case ResponseTag.BodyUs:
          this.bodyUs = scanner.uint32();
          break;
        default:
          scanner.skipUnknown(tag, RESPONSE_FIELDS);
      }
    }
  }

  /** Reads the body of a frame that is neither Request nor Response. */
  #readBody(scanner: FieldScanner, body: number): void {
    this.#contentStart = scanner.position;
    this.#contentEnd = scanner.end;
    switch (body) {
      case FrameTag.Hello:
        this.kind = FrameKind.Hello;
        break;
      case FrameTag.Goaway:
        this.kind = FrameKind.GoAway;
        break;
      case FrameTag.Define:
        this.kind = FrameKind.Define;
        break;
      case FrameTag.Reset:
        this.kind = FrameKind.Reset;
        break;
      case FrameTag.Chunk:
        this.kind = FrameKind.Chunk;
        this.#readChunk(scanner);
        break;
      case FrameTag.Window:
        this.kind = FrameKind.Window;
        this.#readCount(scanner, WindowTag.Bytes, WINDOW_FIELDS);
        break;
      case FrameTag.Ping:
        this.kind = FrameKind.Ping;
        this.#readCount(scanner, PingTag.Token, PING_FIELDS);
        break;
      case FrameTag.Pong:
        this.kind = FrameKind.Pong;
        this.#readCount(scanner, PingTag.Token, PING_FIELDS);
        break;
    }
  }

  /** Reads a message of one number. */
  #readCount(scanner: FieldScanner, countTag: number, known: ReadonlySet<number>): void {
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === countTag) this.count = scanner.uint53();
      else scanner.skipUnknown(tag, known);
    }
  }

  #readChunk(scanner: FieldScanner): void {
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      switch (tag) {
        case ChunkTag.Part:
          this.chunkPart = scanner.uint32();
          break;
        case ChunkTag.Total:
          this.chunkTotal = scanner.uint53();
          break;
        case ChunkTag.Data:
          this.#readPayload(scanner);
          break;
        case ChunkTag.Last:
          this.chunkLast = scanner.flag();
          break;
        default:
          scanner.skipUnknown(tag, CHUNK_FIELDS);
      }
    }
  }

  #readTask(scanner: FieldScanner): void {
    this.#task.read(scanner);
    this.payloadStart = this.#task.argsStart;
    this.payloadEnd = this.#task.argsEnd;
    this.parts = this.#task.parts;
  }

  #readMessage(scanner: FieldScanner): void {
    const outer = scanner.enter();
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === MessageTag.Dump) this.#readPayload(scanner);
      else if (tag === MessageTag.Parts) this.parts = scanner.uint32();
      else if (tag === MessageTag.Detached) this.detached = scanner.flag();
      else scanner.skipUnknown(tag, MESSAGE_FIELDS);
    }
    scanner.leave(outer);
  }

  #readCancel(scanner: FieldScanner): void {
    const outer = scanner.enter();
    let reasons = 0;
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === CancelTag.Reason) this.#readReason(scanner, reasons++);
      else scanner.skipUnknown(tag, CANCEL_FIELDS);
    }
    scanner.leave(outer);
  }

  #readSignal(scanner: FieldScanner): void {
    const outer = scanner.enter();
    let reasons = 0;
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === SignalFiredTag.Index) this.count = scanner.uint32();
      else if (tag === SignalFiredTag.Reason) this.#readReason(scanner, reasons++);
      else scanner.skipUnknown(tag, SIGNAL_FIELDS);
    }
    scanner.leave(outer);
  }

  /** @param before How many reasons the message has had already. */
  #readReason(scanner: FieldScanner, before: number): void {
    if (before > 0) scanner.fail(TWICE);
    this.#readMessage(scanner);
  }

  #readPayload(scanner: FieldScanner): void {
    const length = scanner.length();
    this.payloadStart = length === 0 ? 0 : scanner.position;
    this.payloadEnd = length === 0 ? 0 : scanner.position + length;
    scanner.position += length;
  }

  #readContent(scanner: FieldScanner): void {
    const length = scanner.length();
    this.#contentStart = scanner.position;
    this.#contentEnd = scanner.position + length;
    scanner.position += length;
  }

  #become(scanner: FieldScanner, kind: FrameKind): void {
    if (this.kind === FrameKind.Unknown) this.kind = kind;
    else scanner.fail(TWICE);
  }

  #expect(kind: FrameKind): void {
    if (this.kind !== kind) throw new ProtocolError("Cannot read the frame: it is of another kind");
  }

  /** Makes the current frame a malformed one: nothing of it but the stream is to be believed. */
  #spoil(problem: string): void {
    const stream = this.stream;
    this.#clear();
    this.kind = FrameKind.Malformed;
    this.stream = stream;
    this.problem = problem;
  }

  /** Forgets the frame before. */
  #clear(): void {
    if (this.kind === FrameKind.Task) this.#task.clear();
    this.kind = FrameKind.Unknown;
    this.stream = 0;
    this.problem = "";
    this.payloadStart = 0;
    this.payloadEnd = 0;
    this.parts = 0;
    this.detached = false;
    this.bodyUs = 0;
    this.count = 0;
    this.chunkPart = 0;
    this.chunkTotal = 0;
    this.chunkLast = false;
    this.#contentStart = 0;
    this.#contentEnd = 0;
  }
}
