/**
 * What both halves of the protocol share: the Hello exchange, batching of one turn's frames, chunked
 * messages, the connection's flow control, definitions, ping, and the end of the connection. It gives
 * whole, checked messages to its half and never interprets a payload.
 */
import { ProtocolError } from "../errors/protocol-error.ts";
import { VersionError } from "../errors/version-error.ts";
import { BatchReader } from "../wire/batch-reader.ts";
import { BatchWriter } from "../wire/batch-writer.ts";
import { CHUNK_SIZE } from "../wire/chunk.ts";
import { FrameKind } from "../wire/frame-kind.ts";
import type { Define, GoAway, Hello, Limits } from "../wire/frames.ts";
import { Refusal } from "../wire/refusal.ts";
import { TaskFlag } from "../wire/task-flags.ts";
import { isVersionCompatible } from "../wire/version.ts";
import type { Carrier, CarrierEvents } from "./carrier.ts";
import { InboundMessage } from "./inbound-message.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { OutboundTransfer } from "./outbound-transfer.ts";

/** What a half does with the frames that reach it. Payload ranges are valid for ever; readers only during the call. */
export interface SessionHalf {
  /**
   * When a turn's frames leave. `tick`: at the next tick, which for code in microtasks comes after all of
   * them; for the half whose frames are written by users' continuations. `microtasks`: after those too that
   * the code now running has caused; for the half whose frames follow from what it has just received.
   */
  readonly flushAfter: "tick" | "microtasks";
  /** The peer's Hello has come and fits. */
  ready(hello: Hello): void;
  /**
   * Whether the stream is under way here; frames of one that has ended are late, and dropped.
   *
   * @throws {@link ProtocolError} for a stream that was never opened.
   */
  isOpen(stream: number): boolean;
  /** A task's head. When `complete`, its payload is the reader's; otherwise `taskPayload` follows unless the stream ends. */
  task(reader: BatchReader, complete: boolean): void;
  taskPayload(
    stream: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    parts: readonly Uint8Array[],
  ): void;
  /** A whole Send, Throw, Return, Result, Exception or Done. */
  message(
    kind: FrameKind,
    stream: number,
    bodyUs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    parts: readonly Uint8Array[],
  ): void;
  /** Any other frame of a stream. */
  control(reader: BatchReader): void;
  /** The peer broke a rule on one stream; the stream is over on this side. */
  broken(stream: number, problem: string): void;
  goAway(frame: GoAway): void;
  pong(token: number): void;
  /** A whole batch has been read. */
  batchEnd(): void;
  /** Frames are about to leave at the end of a turn. */
  beforeFlush(): void;
  /** Everything written so far is with the carrier. */
  flushed(): void;
  /** The carrier takes more again. */
  drained(): void;
  /** The connection is over; nothing follows. */
  closed(error: Error | undefined): void;
}

/** An encoded value: a range of bytes that is never rewritten, and the binary parts beside it. */
export interface Payload {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly parts: readonly Uint8Array[];
}

/** Writes one message frame around the payload range given. */
export type WriteMessage = (
  bytes: Uint8Array,
  start: number,
  end: number,
  parts: number,
  detached: boolean,
) => void;

/** Payload without parts. */
export const NO_PARTS: readonly Uint8Array[] = Object.freeze([]);

/** Broken frames borne on one connection before it is ended: each costs a few bytes to send and more to refuse. */
const MAX_BROKEN = 1000;

/** Bytes of frames that leave without waiting for the turn's end, if the peer takes batches of twice that. */
const EARLY_FLUSH = 1024 * 1024;

/** The highest number a stream can have. */
const LAST_STREAM = 0xffff_ffff;

/** Frames that carry a message, and so may have parts. */
const MESSAGE_KINDS: ReadonlySet<FrameKind> = new Set<FrameKind>([
  FrameKind.Send,
  FrameKind.Throw,
  FrameKind.Return,
  FrameKind.Result,
  FrameKind.Exception,
  FrameKind.Done,
]);

/** One connection, either half. */
export class Session implements CarrierEvents {
  readonly carrier: Carrier;
  readonly hello: Hello;
  readonly writer: BatchWriter = new BatchWriter();
  /** What the peer accepts and who it is; set before `ready`. */
  peer: Hello | undefined;
  readonly #half: SessionHalf;
  readonly #reader: BatchReader = new BatchReader();
  readonly #inbound = new Map<number, InboundMessage>();
  readonly #transfers = new Map<number, OutboundTransfer>();
  readonly #defines = new Map<number, Define>();
  /** Messages of which a part has begun to arrive. */
  #begun = 0;
  /** Payloads up to this size travel inside their frame; chunks are as large. */
  #inlineBytes = CHUNK_SIZE;
  #earlyFlushBytes = EARLY_FLUSH;
  #state: "greeting" | "open" | "closed" = "greeting";
  #flushScheduled = false;
  #congested = false;
  /** Bytes of messages that may still be sent before the peer returns some. */
  #sendWindow = 0;
  /** Bytes of messages received and not yet returned. */
  #receivedBytes = 0;
  #broken = 0;

  constructor(carrier: Carrier, hello: Hello, half: SessionHalf) {
    this.carrier = carrier;
    this.hello = hello;
    this.#half = half;
    carrier.events = this;
    this.writer.hello(hello);
    this.scheduleFlush();
  }

  get open(): boolean {
    return this.#state === "open";
  }

  get ended(): boolean {
    return this.#state === "closed";
  }

  /** Whether bulk should be held back: the carrier or the peer's window is full. */
  get congested(): boolean {
    return this.#congested || this.#sendWindow <= 0;
  }

  /**
   * Tells whether the peer accepts a message of this size.
   *
   * @returns `undefined` if it does, else the size and the limit in bytes.
   */
  excess(payload: Payload): { readonly sizeBytes: number; readonly limitBytes: number } | undefined {
    const limitBytes = this.peer?.limits.maxMessage ?? Number.POSITIVE_INFINITY;
    if (payload.parts.length === 0 && payload.end - payload.start <= limitBytes) return undefined;
    const sizeBytes = Session.sizeOf(payload);
    return sizeBytes > limitBytes ? { sizeBytes, limitBytes } : undefined;
  }

  /** Bytes of a message, parts included, as the peer's limit counts them. */
  static sizeOf(message: Payload): number {
    let size = message.end - message.start;
    for (const part of message.parts) size += part.length;
    return size;
  }

  /**
   * Writes a message of a stream: in one frame when it is small, else its head now and the rest in
   * chunks. A message waits for the parts of the one before it on the same stream.
   *
   * @param write Writes the frame itself; the range is empty when the payload is detached.
   */
  sendMessage(stream: number, payload: Payload, write: WriteMessage): void {
    const { bytes, start, end, parts } = payload;
    if (this.#transfers.size > 0 && this.#transfers.has(stream)) {
      const waiting = { bytes, start, end, parts };
      this.#transfers.get(stream)?.after.push(() => this.sendMessage(stream, waiting, write));
      return;
    }
    const length = end - start;
    this.#sendWindow -= length > this.#inlineBytes ? 0 : length;
    if (length > this.#inlineBytes) {
      write(bytes, 0, 0, parts.length + 1, true);
      this.#transfers.set(stream, new OutboundTransfer(stream, [bytes.subarray(start, end), ...parts]));
    } else {
      write(bytes, start, end, parts.length, false);
      if (parts.length > 0) this.#transfers.set(stream, new OutboundTransfer(stream, parts));
    }
    this.scheduleFlush();
  }

  /** Whether a message goes out in one frame, with nothing of its stream under way before it. */
  isPlain(stream: number, payload: Payload): boolean {
    return (
      payload.parts.length === 0 &&
      payload.end - payload.start <= this.#inlineBytes &&
      (this.#transfers.size === 0 || !this.#transfers.has(stream))
    );
  }

  /** Counts a message written directly against the peer's window. */
  countSent(bytes: number): void {
    this.#sendWindow -= bytes;
  }

  /** Runs `write` now, or once the parts under way on this stream have left. */
  inOrder(stream: number, write: () => void): void {
    const transfer = this.#transfers.size > 0 ? this.#transfers.get(stream) : undefined;
    if (transfer === undefined) write();
    else transfer.after.push(write);
  }

  /** Stops sending parts of a stream, and what was to follow them. */
  dropOutbound(stream: number): void {
    if (this.#transfers.size > 0) this.#transfers.delete(stream);
  }

  /** Forgets the parts that have come of a stream's unfinished message; those still to come are dropped. */
  dropInbound(stream: number): void {
    const message = this.#inbound.size > 0 ? this.#inbound.get(stream) : undefined;
    if (message === undefined) return;
    if (message.begun) this.#begun -= 1;
    this.#inbound.delete(stream);
  }

  /** Stops sending and receiving parts of a stream that has ended. */
  dropTransfers(stream: number): void {
    this.dropOutbound(stream);
    this.dropInbound(stream);
  }

  /** What the peer defined under this kind and index. */
  definition(kind: number, index: number): Define | undefined {
    return this.#defines.get(defineKey(kind, index));
  }

  /**
   * Sends the turn's frames once the turn is over, so that calls made by the continuations of one batch of
   * results leave in one batch.
   */
  scheduleFlush(): void {
    // A turn that writes more than one batch may hold sends the first ones early.
    if (this.writer.length >= this.#earlyFlushBytes) this.flush();
    if (this.#flushScheduled || this.#state === "closed") return;
    this.#flushScheduled = true;
    if (this.#half.flushAfter === "tick") process.nextTick(this.#flushNow);
    else queueMicrotask(this.#deferFlush);
  }

  /** Sends what has been written so far, in the midst of a turn. */
  flush(): void {
    if (this.#state === "closed" || this.writer.length === 0) return;
    // Told first: from here on the peer may have it, whatever becomes of the carrier.
    this.#half.flushed();
    if (!this.carrier.send(this.writer.take())) this.#congested = true;
  }

  /** Ends the connection, telling the peer why. */
  fail(error: ProtocolError | VersionError, code: number = Refusal.UNSPECIFIED): void {
    if (this.#state === "closed") return;
    // Before the greeting nothing can have started; after it, anything may have.
    const lastStream = this.#state === "greeting" ? 0 : LAST_STREAM;
    this.writer.goAway({ lastStream, code, detail: error.message.slice(0, 1000), graceMs: 0 });
    this.flush();
    this.#end(error);
    this.carrier.close();
  }

  /** Ends the connection: what has been written leaves first. */
  close(): void {
    if (this.#state === "closed") return;
    this.flush();
    this.#end(undefined);
    this.carrier.close();
  }

  /** Ends the connection at once. */
  destroy(error: Error): void {
    if (this.#state === "closed") return;
    this.#end(error);
    this.carrier.destroy(error);
  }

  batch(bytes: Uint8Array, start: number, end: number): void {
    if (this.#state === "closed") return;
    try {
      const reader = this.#reader;
      reader.reset(bytes, start, end);
      while (reader.next()) {
        this.#frame(reader);
        if (this.#isClosed()) return;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.fail(error);
      return;
    }
    const window = this.hello.limits.connectionWindow;
    if (this.#receivedBytes * 2 >= window) {
      this.writer.window(0, this.#receivedBytes);
      this.#receivedBytes = 0;
      this.scheduleFlush();
    }
    this.#half.batchEnd();
  }

  drain(): void {
    this.#congested = false;
    this.#pump();
    this.#half.drained();
  }

  closed(error: Error | undefined): void {
    this.#end(error);
  }

  readonly #deferFlush = (): void => {
    process.nextTick(this.#flushNow);
  };

  readonly #flushNow = (): void => {
    this.#flushScheduled = false;
    if (this.#state === "closed") return;
    this.#half.beforeFlush();
    this.flush();
    if (this.#transfers.size > 0) this.#pump();
  };

  /**
   * Sends one chunk of every transfer in turn, as long as carrier and window take them. Only as many
   * messages as the peer allows are under way at a time; the others wait with their heads sent.
   */
  #pump(): void {
    const maxOpen = this.peer?.limits.maxOpenMessages ?? 0;
    while (this.#transfers.size > 0 && !this.#congested && this.#sendWindow > 0 && this.#state === "open") {
      let visited = 0;
      for (const [stream, transfer] of this.#transfers) {
        if (visited++ === maxOpen) break;
        // A chunk must not overtake its head, and small frames go between two chunks.
        this.flush();
        if (this.congested) break;
        const { sentBytes, more } = transfer.sendChunk(this.carrier, this.#inlineBytes);
        this.#sendWindow -= sentBytes;
        if (!more) this.#congested = true;
        if (transfer.done) {
          this.#transfers.delete(stream);
          for (const write of transfer.after) this.inOrder(stream, write); // one of them may begin a transfer of its own
        }
        if (this.#congested || this.#sendWindow <= 0) break;
      }
      this.flush();
    }
  }

  #frame(reader: BatchReader): void {
    if (this.#state === "greeting") {
      this.#greet(reader);
      return;
    }
    const { kind, stream } = reader;
    if (MESSAGE_KINDS.has(kind)) {
      this.#receivedBytes += reader.payloadEnd - reader.payloadStart;
      if (!this.#half.isOpen(stream)) return; // late
      if (this.#inbound.size > 0 && this.#inbound.has(stream)) {
        this.#break(stream, "a message began before the parts of the one before it had come");
      } else if (reader.parts > 0) {
        this.#openInbound(reader);
      } else if (reader.detached) {
        this.#break(stream, "a detached message without parts");
      } else {
        this.#half.message(
          kind,
          stream,
          reader.bodyUs,
          reader.bytes,
          reader.payloadStart,
          reader.payloadEnd,
          NO_PARTS,
        );
      }
      return;
    }
    switch (kind) {
      case FrameKind.Task:
        this.#receivedBytes += reader.payloadEnd - reader.payloadStart;
        if (stream === 0) throw new ProtocolError("A task on stream 0");
        if ((reader.flags & TaskFlag.Detached) !== 0 && reader.parts === 0) {
          this.#break(stream, "a detached message without parts");
          return;
        }
        this.#half.task(reader, reader.parts === 0);
        if (reader.parts > 0 && this.#half.isOpen(stream)) this.#openInbound(reader);
        return;
      case FrameKind.Chunk:
        this.#chunk(reader);
        return;
      case FrameKind.Malformed:
        if (stream === 0)
          throw new ProtocolError(`A malformed frame on the connection's own stream: ${reader.problem}`);
        this.#break(stream, reader.problem);
        return;
      case FrameKind.Window:
        if (stream === 0) {
          this.#sendWindow += reader.count;
          if (this.#sendWindow > 2 ** 40)
            throw new ProtocolError("The peer returned more bytes than were sent");
          this.#pump();
          this.#half.drained();
        }
        return;
      case FrameKind.Define:
        this.#define(reader.define());
        return;
      case FrameKind.Ping:
        this.writer.pong(reader.count);
        this.scheduleFlush();
        return;
      case FrameKind.Pong:
        this.#half.pong(reader.count);
        return;
      case FrameKind.GoAway:
        this.#half.goAway(reader.goAway());
        return;
      case FrameKind.Hello:
        throw new ProtocolError("A second Hello on one connection");
      case FrameKind.Unknown:
        // A later minor's: on the connection it can be passed over, on a stream an answer may hang on it.
        if (stream !== 0) this.#break(stream, "a frame of an unknown kind");
        return;
      default:
        this.#half.control(reader);
    }
  }

  #greet(reader: BatchReader): void {
    if (reader.kind === FrameKind.GoAway) {
      this.#half.goAway(reader.goAway());
      return;
    }
    if (reader.kind !== FrameKind.Hello)
      throw new ProtocolError("The first frame of a connection must be a Hello");
    const hello = reader.hello();
    if (!isVersionCompatible(this.hello.version, hello.version)) {
      this.fail(new VersionError(this.hello.version, hello.version), Refusal.VERSION);
      return;
    }
    if (!hello.codecs.some((codec) => this.hello.codecs.includes(codec))) {
      this.fail(
        new ProtocolError(`No payload codec in common: the peer names [${hello.codecs.join(", ")}]`),
        Refusal.CODEC,
      );
      return;
    }
    const peer = { ...hello, limits: completeLimits(hello.limits) };
    const { maxBatch, connectionWindow } = peer.limits;
    this.peer = peer;
    this.#sendWindow = connectionWindow;
    this.#inlineBytes = Math.max(1, Math.min(CHUNK_SIZE, maxBatch >>> 2));
    this.#earlyFlushBytes = Math.min(EARLY_FLUSH, maxBatch >>> 1);
    this.#state = "open";
    this.#half.ready(peer);
  }

  #openInbound(reader: BatchReader): void {
    const detached =
      reader.kind === FrameKind.Task ? (reader.flags & TaskFlag.Detached) !== 0 : reader.detached;
    const { kind, stream, bodyUs, bytes, payloadStart, payloadEnd, parts } = reader;
    const message = new InboundMessage(
      { kind, stream, bodyUs, detached, bytes, payloadStart, payloadEnd, parts },
      this.hello.limits.maxMessage,
    );
    this.#inbound.set(stream, message);
  }

  #chunk(reader: BatchReader): void {
    const { stream } = reader;
    this.#receivedBytes += reader.payloadEnd - reader.payloadStart;
    const message = this.#inbound.get(stream);
    if (message === undefined) return; // of a message refused or a stream ended meanwhile
    if (!message.begun) {
      const { maxOpenMessages } = this.hello.limits;
      if (this.#begun >= maxOpenMessages)
        throw new ProtocolError(`More than ${maxOpenMessages} unfinished messages at a time`);
      message.begun = true;
      this.#begun += 1;
    }
    let complete: boolean;
    try {
      complete = message.add(
        { part: reader.chunkPart, total: reader.chunkTotal, last: reader.chunkLast },
        reader.bytes,
        reader.payloadStart,
        reader.payloadEnd,
      );
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#break(stream, error.message);
      return;
    }
    if (!complete) return;
    this.dropInbound(stream);
    let {
      bytes,
      start,
      end,
      parts,
    }: { bytes: Uint8Array; start: number; end: number; parts: readonly Uint8Array[] } = message;
    if (message.detached) {
      const [body, ...rest] = message.parts;
      bytes = body ?? bytes;
      start = 0;
      end = bytes.length;
      parts = rest;
    }
    if (message.kind === FrameKind.Task) this.#half.taskPayload(stream, bytes, start, end, parts);
    else this.#half.message(message.kind, stream, message.bodyUs, bytes, start, end, parts);
  }

  #define(define: Define): void {
    const key = defineKey(define.kind, define.index);
    if (define.index === 0 || define.index > this.hello.limits.maxDefines || define.kind > 255) {
      throw new ProtocolError(
        `A definition with the index ${define.index}, beyond the limit of ${this.hello.limits.maxDefines}`,
      );
    }
    if (this.#defines.has(key)) throw new ProtocolError(`The index ${define.index} was defined twice`);
    this.#defines.set(key, define);
  }

  #break(stream: number, problem: string): void {
    this.#broken += 1;
    if (this.#broken > MAX_BROKEN)
      throw new ProtocolError(`More than ${MAX_BROKEN} broken frames on one connection`);
    this.dropTransfers(stream);
    this.#half.broken(stream, problem);
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #end(error: Error | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#inbound.clear();
    this.#transfers.clear();
    this.#half.closed(error);
  }
}

/** What a peer does not state is taken to be as here. */
function completeLimits(stated: Limits): Limits {
  return {
    maxBatch: stated.maxBatch || DEFAULT_LIMITS.maxBatch,
    maxMessage: stated.maxMessage || DEFAULT_LIMITS.maxMessage,
    maxStreams: stated.maxStreams || DEFAULT_LIMITS.maxStreams,
    streamWindow: stated.streamWindow || DEFAULT_LIMITS.streamWindow,
    connectionWindow: stated.connectionWindow || DEFAULT_LIMITS.connectionWindow,
    maxDefines: stated.maxDefines || DEFAULT_LIMITS.maxDefines,
    maxOpenMessages: stated.maxOpenMessages || DEFAULT_LIMITS.maxOpenMessages,
    maxDepth: stated.maxDepth || DEFAULT_LIMITS.maxDepth,
  };
}

function defineKey(kind: number, index: number): number {
  return kind * 2 ** 32 + index;
}
