/**
 * Translates between one `dispatch` stream of gRPC, on which a caller speaks of a single task, and a session
 * of one stream with the thread that runs it. It moves bytes and reads heads, never payloads, and opens
 * nothing itself. Whatever happens on either side, the stream ends exactly once, and the channel is closed
 * as soon as the task has its terminal frame.
 */
import { randomUUID } from "node:crypto";
import { isMerinoError } from "../../errors/merino-error.ts";
import { DEFAULT_LIMITS } from "../../session/limits.ts";
import { BatchReader } from "../../wire/batch/reader.ts";
import { Feature } from "../../wire/features.ts";
import { FrameKind } from "../../wire/frame-kind.ts";
import type { Hello } from "../../wire/frames.ts";
import { type HeadMismatch, headMismatch } from "../../wire/head-mismatch.ts";
import { encodeAck } from "../../wire/messages/ack.ts";
import { decodeGoAway } from "../../wire/messages/go-away.ts";
import { decodeHello, encodeHello } from "../../wire/messages/hello.ts";
import { encodeNack } from "../../wire/messages/nack.ts";
import { refusalName } from "../../wire/messages/nack-code.ts";
import { decodeReset } from "../../wire/messages/reset.ts";
import { FieldScanner } from "../../wire/protobuf/field-scanner.ts";
import { FieldWriter } from "../../wire/protobuf/field-writer.ts";
import { TaskFlag } from "../../wire/task/flags.ts";
import { NOT_STARTED_TRAILER } from "../grpc/service.ts";
import {
  connectionFrame,
  FrameTag,
  fieldHead,
  joined,
  locateFrame,
  locateResponse,
  type ResponseRange,
  ResponseTag,
  requestFrame,
  STREAM,
} from "./dispatch-bytes.ts";

/** Where the relay sends the batches of its session. */
export interface RelayChannel {
  /** @param batch A whole batch in memory of its own, which the relay does not touch again. */
  send(batch: Uint8Array): void;
  /** Ends the session; called once, as the relay's last act on it. */
  close(): void;
}

/** How a `dispatch` stream ends when not with status OK. */
export interface RelayStatus {
  /** A gRPC status code. */
  readonly code: number;
  /** For people. */
  readonly details: string;
  /** Trailers. */
  readonly metadata?: Record<string, string>;
}

/** The caller's side of the stream. */
export interface RelaySink {
  /** @param bytes One `Response`; may be a view of the batch it came in. */
  response(bytes: Uint8Array): void;
  /** Ends the stream, with status OK unless another is given. Called once; nothing follows. */
  end(status?: RelayStatus): void;
}

/** Codec of callers that name none: the original network's. */
const UNNAMED_CODEC = "pickle";

/** The gRPC statuses that a relay ends with. */
const Status = {
  INVALID_ARGUMENT: 3,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

/** What a caller may send behind its Task while the worker's thread is too busy to introduce itself. */
const MAX_EARLY_REQUESTS = 1000;
const MAX_EARLY_BYTES = 16 * 1024 * 1024;

/** Bytes of responses after which the worker gets its window back. */
const WINDOW_STEP = 1024 * 1024;

/** Requests that ask for one answer each. */
const STEPS: ReadonlySet<FrameKind> = new Set<FrameKind>([
  FrameKind.Next,
  FrameKind.Send,
  FrameKind.Throw,
  FrameKind.Return,
]);

/** A Next, as a caller would have sent it. */
const NEXT: Uint8Array = Uint8Array.of(0x12, 0x00);
/** A Cancel without a reason. */
const CANCEL: Uint8Array = Uint8Array.of(0xaa, 0x06, 0x00);

/** What the head of the caller's Task says about the caller. */
interface Caller {
  readonly version: string;
  readonly codec: string;
  /** Whether it knows the whole grammar; see `Feature.Grammar`. */
  readonly knowsGrammar: boolean;
}

/**
 * One `dispatch` stream.
 *
 * Fed from both sides, each in order: `request`, `halfClosed` and `cancelled` by the gRPC stream, `batch` and
 * `closed` by the channel. What comes after the end of either side is ignored.
 *
 * - The task is sent once the worker's Hello has come: up to then it has provably not started, and a channel
 *   that ends is UNAVAILABLE with the trailer `merino-not-started: 1`.
 * - A caller without `Feature.Grammar` gets the original's grammar: Ack, Results, then an Exception or the
 *   end. A function's Done becomes a Result, a generator's becomes the end alone.
 * - A caller that half-closes asks for nothing more. If it has asked for no step, one Next is asked for it;
 *   once every step is answered, a generator that is still there is closed, and the stream ends well.
 */
export class DispatchRelay {
  readonly #channel: RelayChannel;
  readonly #sink: RelaySink;
  readonly #scanner = new FieldScanner();
  readonly #reader = new BatchReader();
  /** `greeting` until the worker's Hello; `open` until the task's terminal frame; then `closed`. */
  #session: "greeting" | "open" | "closed" = "greeting";
  /** The stream has been ended, or abandoned by its caller: nothing more is said on it. */
  #ended = false;
  #caller: Caller | undefined;
  /** The worker, as it introduces itself. */
  #worker: Hello | undefined;
  /** Requests held back until the worker's Hello has come. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  /** The worker has said that it has started nothing. */
  #disowned = false;
  #acked = false;
  #halfClosed = false;
  /** Steps that the caller has asked for and that have not been answered. */
  #awaited = 0;
  #stepped = false;
  /** The task has been told to end, and not by its caller's word: what it says to that is nobody's answer. */
  #cancelSent = false;
  #unreturnedBytes = 0;

  /**
   * @param channel To the worker's main thread. It must be open; its first batch holds the worker's Hello.
   * @param sink The gRPC stream.
   */
  constructor(channel: RelayChannel, sink: RelaySink) {
    this.#channel = channel;
    this.#sink = sink;
  }

  // The caller's side.

  /** Takes one `Request` of the caller. The bytes are copied. */
  request(bytes: Uint8Array): void {
    if (this.#ended || this.#halfClosed) return;
    const frame = requestFrame(bytes);
    const reader = this.#reader;
    reader.reset(frame, 0, frame.length);
    reader.next();
    if (this.#caller === undefined) this.#first(reader, frame);
    else this.#further(reader, frame);
  }

  /** The caller sends no more requests. */
  halfClosed(): void {
    if (this.#ended || this.#halfClosed) return;
    this.#halfClosed = true;
    if (this.#caller === undefined) {
      this.#refuse(Status.FAILED_PRECONDITION, "The stream ended before its first message, a Task");
      return;
    }
    if (!this.#stepped) {
      this.#count();
      this.#forward(requestFrame(NEXT));
    }
    this.#closeIfAnswered();
  }

  /** The caller has gone. The task is cancelled, and its terminal frame awaited. */
  cancelled(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#abandon();
  }

  // The worker's side.

  /** Takes one batch of the worker. */
  batch(bytes: Uint8Array, start: number, end: number): void {
    const scanner = this.#scanner;
    let position = start;
    while (this.#session !== "closed") {
      scanner.reset(bytes, position, end);
      const tag = scanner.tag();
      if (tag === 0) break;
      if (tag !== FrameTag.FRAME) {
        scanner.skip(tag);
        if (scanner.problem !== "") break;
        position = scanner.position;
        continue;
      }
      const length = scanner.length();
      if (scanner.problem !== "") break;
      const frameStart = scanner.position;
      position = frameStart + length;
      try {
        this.#frame(bytes, frameStart, position);
      } catch (error) {
        if (!isMerinoError(error)) throw error;
        this.#fail(Status.INTERNAL, `The worker broke the protocol: ${error.message}`);
        return;
      }
    }
    if (scanner.problem !== "" && this.#session !== "closed") {
      this.#fail(Status.INTERNAL, `The worker sent a batch that cannot be read: ${scanner.problem}`);
    }
  }

  /**
   * The channel has ended.
   *
   * @param error Why, unless it was closed in good order.
   */
  closed(error?: Error): void {
    if (this.#session === "closed") return;
    const notStarted = this.#session === "greeting" || this.#disowned;
    this.#session = "closed";
    this.#early = [];
    const why = error === undefined ? "it is shutting down" : error.message;
    const details = notStarted
      ? `The worker cannot be reached: ${why}. The task was not started`
      : `The worker is gone: ${why}. The task may have run`;
    this.#end({
      code: Status.UNAVAILABLE,
      details,
      ...(notStarted && { metadata: { [NOT_STARTED_TRAILER]: "1" } }),
    });
  }

  // Requests.

  #first(reader: BatchReader, frame: Uint8Array): void {
    if (reader.kind !== FrameKind.Task) {
      const problem = reader.kind === FrameKind.Malformed ? `: ${reader.problem}` : "";
      this.#refuse(Status.FAILED_PRECONDITION, `The first message of a dispatch must be a Task${problem}`);
      return;
    }
    this.#caller = {
      version: reader.taskVersion() ?? "",
      codec: reader.taskCodec() ?? UNNAMED_CODEC,
      knowsGrammar: reader.taskFeatures().includes(Feature.Grammar),
    };
    if (reader.parts > 0 || (reader.flags & TaskFlag.Detached) !== 0) {
      this.#refuse(Status.INVALID_ARGUMENT, "The Task announces parts, which a dispatch has no frames for");
      return;
    }
    if ((reader.flags & TaskFlag.NextImplied) !== 0) this.#count();
    this.#early.push(frame);
    this.#introduce();
  }

  #further(reader: BatchReader, frame: Uint8Array): void {
    const problem = problemOf(reader);
    if (problem !== undefined) {
      this.#refuse(Status.INVALID_ARGUMENT, `The caller broke the protocol: ${problem}`);
      return;
    }
    if (STEPS.has(reader.kind)) this.#count();
    this.#forward(frame);
  }

  #count(): void {
    this.#stepped = true;
    this.#awaited += 1;
  }

  /** Sends a frame to the worker, behind those that wait for its Hello. */
  #forward(frame: Uint8Array): void {
    if (this.#session === "closed") return;
    if (this.#session === "open") {
      this.#channel.send(frame);
      return;
    }
    this.#early.push(frame);
    this.#earlyBytes += frame.length;
    if (this.#early.length > MAX_EARLY_REQUESTS || this.#earlyBytes > MAX_EARLY_BYTES) {
      this.#refuse(
        Status.RESOURCE_EXHAUSTED,
        "Too many requests before the worker has answered; await the Ack",
      );
    }
  }

  /** Introduces the caller to the worker, once both are known, and sends what has been held back. */
  #introduce(): void {
    const caller = this.#caller;
    const worker = this.#worker;
    if (caller === undefined || worker === undefined) return;
    const mismatch = headMismatch(caller, worker);
    if (mismatch !== undefined) {
      this.#nack(mismatch);
      return;
    }
    this.#session = "open";
    const hello = encodeHello({
      session: STREAM,
      version: caller.version,
      uid: randomUUID(),
      runtime: "dispatch",
      codecs: [caller.codec],
      // Not Parts, whatever the caller lists: a dispatch has no frames for them.
      features: caller.knowsGrammar ? [Feature.Grammar] : [],
      limits: DEFAULT_LIMITS,
    });
    this.#channel.send(connectionFrame(FrameTag.HELLO, hello));
    const early = this.#early;
    this.#early = [];
    for (const frame of early) this.#channel.send(frame);
  }

  /** Nobody will take another step of a generator whose caller has half-closed and has all its answers. */
  #closeIfAnswered(): void {
    if (this.#halfClosed && this.#awaited === 0 && this.#session === "open") this.#cancel();
  }

  // Responses.

  #frame(bytes: Uint8Array, start: number, end: number): void {
    const { stream, body, bodyStart, bodyEnd } = locateFrame(this.#scanner, bytes, start, end);
    if (this.#session === "greeting") {
      if (body === FrameTag.HELLO) {
        this.#worker = decodeHello(bytes, bodyStart, bodyEnd);
        this.#introduce();
      }
      return;
    }
    if (body === FrameTag.GO_AWAY) {
      if (decodeGoAway(bytes, bodyStart, bodyEnd).lastStream < STREAM) this.#disowned = true;
    } else if (stream !== STREAM) {
      return; // the connection's own affairs
    } else if (body === FrameTag.RESPONSE) {
      this.#response(bytes, bodyStart, bodyEnd);
    } else if (body === FrameTag.RESET) {
      const { code, detail } = decodeReset(bytes, bodyStart, bodyEnd);
      this.#finish({
        code: Status.INTERNAL,
        details: `The worker reset the stream (${refusalName(code)}): ${detail}`,
      });
    } else if (body === FrameTag.CHUNK) {
      this.#fail(Status.INTERNAL, "The worker sent a chunk, which a dispatch has no frames for");
    }
  }

  #response(bytes: Uint8Array, start: number, end: number): void {
    const range = locateResponse(this.#scanner, bytes, start, end);
    this.#returnWindow(end - start);
    switch (range.tag) {
      case ResponseTag.ACK:
        // The first is the relay's own; a later one is a barrier, of which only some callers know.
        if (this.#acked && this.#caller?.knowsGrammar === true) this.#say(bytes.subarray(start, end));
        else this.#acknowledge();
        return;
      case ResponseTag.NACK:
        this.#say(bytes.subarray(start, end));
        this.#finish();
        return;
      case ResponseTag.RESULT:
        this.#acknowledge();
        if (this.#awaited > 0) this.#awaited -= 1; // values that run ahead answer no step
        this.#say(bytes.subarray(start, end));
        this.#closeIfAnswered();
        return;
      case ResponseTag.EXCEPTION:
        this.#acknowledge();
        if (!this.#cancelSent) this.#say(bytes.subarray(start, end));
        this.#finish();
        return;
      case ResponseTag.DONE:
        this.#acknowledge();
        this.#done(bytes, start, end, range);
        this.#finish();
        return;
      case ResponseTag.PARKED:
        this.#acknowledge(); // it has started; when its thread is free concerns callers of many tasks
        return;
      default:
        this.#fail(Status.INTERNAL, "The worker sent a response of an unknown kind");
    }
  }

  /** A function's value as a Result, a generator's end as nothing, unless the caller knows Done. */
  #done(bytes: Uint8Array, start: number, end: number, range: ResponseRange): void {
    if (this.#caller?.knowsGrammar === true) {
      this.#say(bytes.subarray(start, end));
      return;
    }
    const { fieldStart, contentStart, contentEnd } = range;
    if (contentStart === contentEnd) return;
    this.#say(
      joined(
        bytes.subarray(start, fieldStart),
        fieldHead(ResponseTag.RESULT, contentEnd - contentStart),
        bytes.subarray(contentStart, end),
      ),
    );
  }

  /** The Ack comes before everything but a Nack, also where the session has left it out. */
  #acknowledge(): void {
    if (this.#acked) return;
    this.#acked = true;
    const caller = this.#caller;
    const worker = this.#worker;
    if (caller === undefined || worker === undefined) return;
    const { version, uid, features } = worker;
    const ack = encodeAck({
      version,
      uid,
      codec: caller.codec,
      features: features.filter(isFeatureOfDispatch),
    });
    this.#say(joined(fieldHead(ResponseTag.ACK, ack.length), ack));
  }

  #nack(mismatch: HeadMismatch): void {
    const version = this.#worker?.version ?? "";
    const nack = encodeNack({ ...mismatch, retryAfterMs: 0, version });
    this.#say(joined(fieldHead(ResponseTag.NACK, nack.length), nack));
    this.#finish();
  }

  /** Counts envelopes as well, which the worker does not: a few bytes more than it has sent do no harm. */
  #returnWindow(bytes: number): void {
    this.#unreturnedBytes += bytes;
    if (this.#unreturnedBytes < WINDOW_STEP) return;
    this.#channel.send(
      connectionFrame(FrameTag.WINDOW, new FieldWriter().uint(1, this.#unreturnedBytes).finish()),
    );
    this.#unreturnedBytes = 0;
  }

  // Ends.

  #say(bytes: Uint8Array): void {
    if (!this.#ended) this.#sink.response(bytes);
  }

  #end(status?: RelayStatus): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#early = [];
    if (status === undefined) this.#sink.end();
    else this.#sink.end(status);
  }

  /** The caller is at fault: its stream ends, and its task with it. */
  #refuse(code: number, details: string): void {
    const notStarted = this.#session === "greeting";
    this.#end({ code, details, ...(notStarted && { metadata: { [NOT_STARTED_TRAILER]: "1" } }) });
    this.#abandon();
  }

  /** The worker is at fault: nothing that it says can be believed any more. */
  #fail(code: number, details: string): void {
    this.#finish({ code, details });
  }

  /** Nobody listens any more. What has been started keeps its session until its terminal frame. */
  #abandon(): void {
    if (this.#session === "open") this.#cancel();
    else this.#close();
  }

  #cancel(): void {
    if (this.#cancelSent) return;
    this.#cancelSent = true;
    this.#channel.send(requestFrame(CANCEL));
  }

  /** The task is over, or nothing can be heard of it any more. */
  #finish(status?: RelayStatus): void {
    this.#end(status);
    this.#close();
  }

  #close(): void {
    if (this.#session === "closed") return;
    this.#session = "closed";
    this.#early = [];
    this.#channel.close();
  }
}

/** What is wrong with a request that is not the first; `undefined` if nothing is. */
function problemOf(reader: BatchReader): string | undefined {
  if (reader.kind === FrameKind.Malformed) return reader.problem;
  if (reader.kind === FrameKind.Unknown) return "a request of an unknown kind";
  if (reader.kind === FrameKind.Task) return "a second Task on one stream";
  if (reader.parts > 0 || reader.detached)
    return "a request announces parts, which a dispatch has no frames for";
  return undefined;
}

function isFeatureOfDispatch(feature: number): boolean {
  return feature !== Feature.Parts;
}
