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
import { FieldScanner, WRONG_TYPE } from "../protobuf/field-scanner.ts";
import { TaskReader } from "../task/reader.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
const TWICE = "a message occurs twice";

/** Kinds of the bodies that are a message of their own, by field number of Frame. */
const BODY_KINDS: readonly FrameKind[] = [
  FrameKind.Unknown,
  FrameKind.Unknown,
  FrameKind.Unknown,
  FrameKind.Unknown,
  FrameKind.Hello,
  FrameKind.GoAway,
  FrameKind.Window,
  FrameKind.Chunk,
  FrameKind.Define,
  FrameKind.Ping,
  FrameKind.Pong,
  FrameKind.Reset,
];

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
      if (tag === 10) {
        const length = scanner.length();
        if (scanner.problem !== "") break;
        const start = scanner.position;
        this.#position = start + length;
        this.#readFrame(start, this.#position);
        return true;
      }
      scanner.skipUnknown(tag, 1);
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
      if (tag === 8) {
        this.stream = scanner.uint32();
      } else if ((tag & 7) === 2 && tag >= 18 && tag <= 90) {
        if (body !== 0) scanner.fail(TWICE);
        body = tag >>> 3;
        const length = scanner.length();
        bodyStart = scanner.position;
        bodyEnd = bodyStart + length;
        scanner.position = bodyEnd;
      } else {
        scanner.skipUnknown(tag, 11);
      }
    }
    if (scanner.problem === "" && body !== 0) {
      scanner.position = bodyStart;
      scanner.end = bodyEnd;
      if (body === 3) this.#readResponse(scanner);
      else if (body === 2) this.#readRequest(scanner);
      else this.#readBody(scanner, body);
    }
    if (scanner.problem !== "") this.#spoil(scanner.problem);
  }

  #readRequest(scanner: FieldScanner): void {
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      switch (tag) {
        case 10:
          this.#become(scanner, FrameKind.Task);
          this.#readTask(scanner);
          break;
        case 18:
          this.#become(scanner, FrameKind.Next);
          scanner.skip(tag);
          break;
        case 26:
          this.#become(scanner, FrameKind.Send);
          this.#readMessage(scanner);
          break;
        case 34:
          this.#become(scanner, FrameKind.Throw);
          this.#readMessage(scanner);
          break;
        case 802:
          this.#become(scanner, FrameKind.Return);
          this.#readMessage(scanner);
          break;
        case 810:
          this.#become(scanner, FrameKind.Cancel);
          this.#readReason(scanner, 10);
          break;
        case 816:
          if (this.kind !== FrameKind.Credit) this.#become(scanner, FrameKind.Credit);
          this.count = scanner.uint32();
          break;
        case 826:
          this.#become(scanner, FrameKind.Signal);
          this.#readReason(scanner, 18);
          break;
        default:
          if (tag >>> 3 <= 4 || (tag >>> 3 >= 100 && tag >>> 3 <= 103)) scanner.fail(WRONG_TYPE);
          else scanner.skip(tag);
      }
    }
  }

  #readResponse(scanner: FieldScanner): void {
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      switch (tag) {
        case 10:
          this.#become(scanner, FrameKind.Ack);
          this.#readContent(scanner);
          break;
        case 18:
          this.#become(scanner, FrameKind.Nack);
          this.#readContent(scanner);
          break;
        case 26:
          this.#become(scanner, FrameKind.Result);
          this.#readMessage(scanner);
          break;
        case 34:
          this.#become(scanner, FrameKind.Exception);
          this.#readMessage(scanner);
          break;
        case 802:
          this.#become(scanner, FrameKind.Done);
          this.#readMessage(scanner);
          break;
        case 810:
          this.#become(scanner, FrameKind.Parked);
          scanner.skip(tag);
          break;
        case 816:
          this.bodyUs = scanner.uint32();
          break;
        default:
          if (tag >>> 3 <= 4 || (tag >>> 3 >= 100 && tag >>> 3 <= 102)) scanner.fail(WRONG_TYPE);
          else scanner.skip(tag);
      }
    }
  }

  /** Reads the body of a frame that is neither Request nor Response. */
  #readBody(scanner: FieldScanner, body: number): void {
    this.kind = BODY_KINDS[body] ?? FrameKind.Unknown;
    this.#contentStart = scanner.position;
    this.#contentEnd = scanner.end;
    if (this.kind === FrameKind.Chunk) this.#readChunk(scanner);
    else if (this.kind === FrameKind.Window || this.kind === FrameKind.Ping || this.kind === FrameKind.Pong) {
      for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
        if (tag === 8) this.count = scanner.uint53();
        else scanner.skipUnknown(tag, 1);
      }
    }
  }

  #readChunk(scanner: FieldScanner): void {
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      switch (tag) {
        case 8:
          this.chunkPart = scanner.uint32();
          break;
        case 16:
          this.chunkTotal = scanner.uint53();
          break;
        case 26:
          this.#readPayload(scanner);
          break;
        case 32:
          this.chunkLast = scanner.flag();
          break;
        default:
          scanner.skipUnknown(tag, 4);
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
      if (tag === 10) this.#readPayload(scanner);
      else if (tag === 800) this.parts = scanner.uint32();
      else if (tag === 808) this.detached = scanner.flag();
      else if (tag >>> 3 === 1 || tag >>> 3 === 100 || tag >>> 3 === 101) scanner.fail(WRONG_TYPE);
      else scanner.skip(tag);
    }
    scanner.leave(outer);
  }

  /** Reads a Cancel or a SignalFired, whose reason has the given tag. */
  #readReason(scanner: FieldScanner, reasonTag: number): void {
    const outer = scanner.enter();
    let seen = false;
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === reasonTag) {
        if (seen) scanner.fail(TWICE);
        seen = true;
        this.#readMessage(scanner);
      } else if (tag === 8 && reasonTag !== 10) {
        this.count = scanner.uint32();
      } else {
        scanner.skipUnknown(tag, reasonTag >>> 3);
      }
    }
    scanner.leave(outer);
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
