/**
 * Reads one frame in place: its fields are plain properties, and messages that come rarely are decoded on
 * demand. A frame whose bytes are broken becomes one of kind `Malformed`, of which only the stream can be
 * believed. The session interprets frames, and decides whether one may come now.
 *
 * Unknown fields are skipped and of a repeated scalar the last counts, as protobuf wants. Stricter than
 * protobuf, because no encoder writes it: a number that its type cannot hold, a 64-bit number above
 * 2^53 - 1, a group, and a nested message or a oneof that occurs twice make a frame malformed.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";
import { FrameKind } from "../frame-kind.ts";
import type { Define, GoAway, Hello, Nack, Reset } from "../frames.ts";
import { type Ack, decodeAck } from "../messages/ack.ts";
import { ChunkReader } from "../messages/chunk.ts";
import { decodeDefine } from "../messages/define.ts";
import { FlowReader } from "../messages/flow.ts";
import { decodeGoAway } from "../messages/go-away.ts";
import { decodeHello } from "../messages/hello.ts";
import { decodeNack } from "../messages/nack.ts";
import { decodeReset } from "../messages/reset.ts";
import { FieldScanner, fieldNumbers, TWICE } from "../protobuf/field-scanner.ts";
import { FrameTag, PingTag, RequestTag, ResponseTag, WindowTag } from "../tags.ts";
import { TaskFlag } from "../task/flags.ts";
import { TaskReader } from "../task/reader.ts";
import { PayloadReader } from "./payload-reader.ts";

const NOTHING: Uint8Array = new Uint8Array(0);

const FRAME_FIELDS = fieldNumbers(FrameTag);
const REQUEST_FIELDS = fieldNumbers(RequestTag);
const RESPONSE_FIELDS = fieldNumbers(ResponseTag);
const WINDOW_FIELDS = fieldNumbers(WindowTag);
const PING_FIELDS = fieldNumbers(PingTag);

/**
 * A cursor at one frame after another.
 *
 * Properties that the current kind does not use are 0, `false` or `""`.
 */
export class FrameReader {
  /** Kind of the current frame. */
  kind: FrameKind = FrameKind.Unknown;
  /** The frame's stream; 0: the connection, or, in a malformed frame, not readable. */
  stream = 0;
  /** The fault of a malformed frame. */
  problem = "";

  /** The bytes being read; all ranges are in it. */
  bytes: Uint8Array = NOTHING;
  /** How long the body occupied the thread, in microseconds; 0: not stated. */
  bodyUs = 0;
  /** Credit: values. Window: bytes. Ping, Pong: token. Signal: index. */
  count = 0;
  /** Request and response: where the changes of context variables lie; an empty range: there are none. */
  variablesStart = 0;
  variablesEnd = 0;

  /** The dump of the frame's message, a Task's arguments, a Chunk's data. */
  readonly payload: PayloadReader = new PayloadReader();
  /** Chunk: which piece of which part its data is. */
  readonly chunk: ChunkReader = new ChunkReader();
  /** CallerFlow, WorkerFlow: what it is about. */
  readonly flow: FlowReader = new FlowReader();
  /** Task: its head. */
  readonly task: TaskReader = new TaskReader();

  readonly #scanner = new FieldScanner();
  /** The innermost message of the frame, for those decoded on demand. */
  #contentStart = 0;
  #contentEnd = 0;

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

  /** The changes of context variables that have come with a request or response: a copy; `undefined`: there are none. */
  variables(): Uint8Array | undefined {
    const { variablesStart, variablesEnd } = this;
    if (variablesStart === variablesEnd) return undefined;
    // Not `slice`, which on a Buffer shares its memory.
    return new Uint8Array(this.bytes.subarray(variablesStart, variablesEnd));
  }

  /** Reads the frame in the given range of `bytes`. */
  protected read(start: number, end: number): void {
    const scanner = this.#scanner;
    this.clear();
    scanner.reset(this.bytes, start, end);
    let body = 0;
    let bodyStart = 0;
    let bodyEnd = 0;
    // The stream is looked for in the whole frame first, so that a broken body can be answered on it.
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
          this.#readMessage(scanner, FrameKind.Send);
          break;
        case RequestTag.Throw:
          this.#readMessage(scanner, FrameKind.Throw);
          break;
        case RequestTag.Return:
          this.#readMessage(scanner, FrameKind.Return);
          break;
        case RequestTag.Cancel:
          this.#become(scanner, FrameKind.Cancel);
          this.payload.readCancel(scanner);
          break;
        case RequestTag.Credit:
          if (this.kind !== FrameKind.Credit) this.#become(scanner, FrameKind.Credit);
          this.count = scanner.uint32();
          break;
        case RequestTag.Signal:
          this.#become(scanner, FrameKind.Signal);
          this.count = this.payload.readSignal(scanner);
          break;
        case RequestTag.Flow:
          this.#become(scanner, FrameKind.CallerFlow);
          this.flow.read(scanner, this.payload);
          break;
        case RequestTag.Variables:
          this.#readVariables(scanner);
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
          this.#readMessage(scanner, FrameKind.Result);
          break;
        case ResponseTag.Exception:
          this.#readMessage(scanner, FrameKind.Exception);
          break;
        case ResponseTag.Done:
          this.#readMessage(scanner, FrameKind.Done);
          break;
        case ResponseTag.Parked:
          this.#become(scanner, FrameKind.Parked);
          scanner.skip(tag);
          break;
        case ResponseTag.Flow:
          this.#become(scanner, FrameKind.WorkerFlow);
          this.flow.read(scanner, this.payload);
          break;
        case ResponseTag.BodyUs:
          this.bodyUs = scanner.uint32();
          break;
        case ResponseTag.Variables:
          this.#readVariables(scanner);
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
        this.chunk.read(scanner, this.payload);
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

  #readTask(scanner: FieldScanner): void {
    const { task, payload } = this;
    task.read(scanner);
    payload.start = task.argsStart;
    payload.end = task.argsEnd;
    payload.parts = task.parts;
    payload.detached = (task.flags & TaskFlag.Detached) !== 0;
    payload.attached = task.attached;
  }

  #readMessage(scanner: FieldScanner, kind: FrameKind): void {
    this.#become(scanner, kind);
    this.payload.readMessage(scanner);
  }

  #readVariables(scanner: FieldScanner): void {
    if (this.variablesEnd !== 0) scanner.fail(TWICE);
    const length = scanner.length();
    this.variablesStart = scanner.position;
    this.variablesEnd = scanner.position + length;
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
    this.clear();
    this.kind = FrameKind.Malformed;
    this.stream = stream;
    this.problem = problem;
  }

  /** Forgets the frame. */
  protected clear(): void {
    if (this.kind === FrameKind.Task) this.task.clear();
    else if (this.kind === FrameKind.Chunk) this.chunk.clear();
    else if (this.kind >= FrameKind.CallerFlow) this.flow.clear();
    this.kind = FrameKind.Unknown;
    this.stream = 0;
    this.problem = "";
    this.payload.clear();
    this.bodyUs = 0;
    this.count = 0;
    this.variablesStart = 0;
    this.variablesEnd = 0;
    this.#contentStart = 0;
    this.#contentEnd = 0;
  }
}
