/**
 * What both halves of the protocol share on one connection: the Hello exchange, where each frame goes,
 * the window on what is received, ping, and the connection's end. It gives whole, checked messages to its
 * half and never interprets a payload; messages, batches and definitions are kept beside it.
 */
import { ProtocolError } from "../errors/protocol-error.ts";
import { VersionError } from "../errors/version-error.ts";
import type { FrameReader } from "../wire/batch/frame-reader.ts";
import { BatchReader } from "../wire/batch/reader.ts";
import type { BatchWriter } from "../wire/batch/writer.ts";
import { FrameKind } from "../wire/frame-kind.ts";
import type { Define, Hello } from "../wire/frames.ts";
import { NackCode } from "../wire/messages/nack-code.ts";
import { type Payload, payloadSize } from "../wire/payload.ts";
import { isVersionCompatible } from "../wire/version.ts";
import type { Carrier, CarrierEvents } from "./carrier.ts";
import { InboundDefinitions } from "./inbound-definitions.ts";
import { completeLimits } from "./limits.ts";
import { InboundMessages } from "./messages/inbound-messages.ts";
import { OutboundMessages } from "./messages/outbound-messages.ts";
import { ReceivedMessage } from "./messages/received-message.ts";
import { OutboundBatch } from "./outbound-batch.ts";
import type { SessionHalf } from "./session-half.ts";
import { LAST_STREAM } from "./stream-numbers.ts";

/**
 * Broken frames tolerated on one connection before it is ended: each costs a few bytes to send and more to
 * refuse.
 */
const MAX_BROKEN = 1000;

/** One connection, either half. */
export class Connection implements CarrierEvents {
  readonly carrier: Carrier;
  readonly hello: Hello;
  /** Writes into the turn's batch; `scheduleFlush` sees to it that it leaves. */
  readonly writer: BatchWriter;
  /** For frames that carry a payload, and those that must not overtake one. */
  readonly outbound: OutboundMessages;
  readonly inbound: InboundMessages;
  /** What the peer accepts and who it is; set before `ready`. */
  peer: Hello | undefined;
  readonly #half: SessionHalf;
  readonly #reader: BatchReader = new BatchReader();
  readonly #received: ReceivedMessage;
  readonly #batch: OutboundBatch;
  readonly #definitions: InboundDefinitions;
  #state: "greeting" | "open" | "closed" = "greeting";
  /** Bytes of messages received and not yet returned. */
  #receivedBytes = 0;
  #broken = 0;

  constructor(carrier: Carrier, hello: Hello, half: SessionHalf) {
    this.carrier = carrier;
    this.hello = hello;
    this.#half = half;
    this.#batch = new OutboundBatch(carrier, { half, turnSent: () => this.outbound.pump() });
    this.writer = this.#batch.writer;
    this.outbound = new OutboundMessages(carrier, this.#batch);
    this.inbound = new InboundMessages(hello.limits);
    this.#received = new ReceivedMessage(carrier);
    this.#definitions = new InboundDefinitions(hello.limits.maxDefines);
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

  /** Whether bulk should wait: the carrier or the peer's window is full. */
  get congested(): boolean {
    return this.outbound.congested;
  }

  /**
   * Tells whether the peer accepts a message of this size.
   *
   * @returns `undefined` if it does, else the size and the limit in bytes.
   */
  excess(payload: Payload): { readonly sizeBytes: number; readonly limitBytes: number } | undefined {
    const limitBytes = this.peer?.limits.maxMessage ?? Number.POSITIVE_INFINITY;
    if (payload.parts.length === 0 && payload.end - payload.start <= limitBytes) return undefined;
    const sizeBytes = payloadSize(payload);
    return sizeBytes > limitBytes ? { sizeBytes, limitBytes } : undefined;
  }

  /** Stops sending and receiving parts of a stream that has ended. */
  dropTransfers(stream: number): void {
    this.outbound.drop(stream);
    this.inbound.drop(stream);
  }

  /** What the peer defined under this kind and index. */
  definition(kind: number, index: number): Define | undefined {
    return this.#definitions.get(kind, index);
  }

  /** Sends the turn's frames once the turn is over. */
  scheduleFlush(): void {
    this.#batch.scheduleFlush();
  }

  /** Sends what has been written so far, in the midst of a turn. */
  flush(): void {
    this.#batch.flush();
  }

  /** Ends the connection, telling the peer why. */
  fail(error: ProtocolError | VersionError, code: number = NackCode.UNSPECIFIED): void {
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
    this.#batch.drained();
    this.outbound.pump();
    this.#half.drained();
  }

  closed(error: Error | undefined): void {
    this.#end(error);
  }

  #frame(frame: FrameReader): void {
    if (this.#state === "greeting") {
      this.#greet(frame);
      return;
    }
    const { kind, stream } = frame;
    switch (kind) {
      case FrameKind.Task:
        this.#task(frame);
        return;
      case FrameKind.Send:
      case FrameKind.Throw:
      case FrameKind.Return:
      case FrameKind.Result:
      case FrameKind.Exception:
      case FrameKind.Done:
        this.#message(frame);
        return;
      case FrameKind.Chunk:
        this.#chunk(frame);
        return;
      case FrameKind.Malformed:
        if (stream === 0)
          throw new ProtocolError(`A malformed frame on the connection's own stream: ${frame.problem}`);
        this.#break(stream, frame.problem);
        return;
      case FrameKind.Window:
        if (stream === 0) {
          this.outbound.windowReturned(frame.count);
          this.#half.drained();
        }
        return;
      case FrameKind.Define:
        this.#definitions.add(frame.define());
        return;
      case FrameKind.Ping:
        this.writer.pong(frame.count);
        this.scheduleFlush();
        return;
      case FrameKind.Pong:
        this.#half.pong(frame.count);
        return;
      case FrameKind.GoAway:
        this.#half.goAway(frame.goAway());
        return;
      case FrameKind.Hello:
        throw new ProtocolError("A second Hello on one connection");
      case FrameKind.Unknown:
        // From a later minor version: on the connection it can be skipped; on a stream somebody may wait for
        // an answer to it.
        if (stream !== 0) this.#break(stream, "a frame of an unknown kind");
        return;
      default:
        this.#half.control(frame);
    }
  }

  #task(frame: FrameReader): void {
    const { stream, payload } = frame;
    this.#receivedBytes += payload.end - payload.start;
    if (stream === 0) throw new ProtocolError("A task on stream 0");
    if (payload.parts > 0) {
      this.#half.task(frame, undefined);
      if (this.#half.isOpen(stream)) this.inbound.open(frame);
    } else if (payload.detached) {
      this.#break(stream, "a detached message without parts");
    } else {
      this.#half.task(frame, this.#received.at(frame));
    }
  }

  #message(frame: FrameReader): void {
    const { stream, payload } = frame;
    this.#receivedBytes += payload.end - payload.start;
    if (!this.#half.isOpen(stream)) return; // late
    if (this.inbound.has(stream)) {
      this.#break(stream, "a message began before the parts of the one before it had come");
    } else if (payload.parts > 0) {
      this.inbound.open(frame);
    } else if (payload.detached) {
      this.#break(stream, "a detached message without parts");
    } else {
      this.#half.message(this.#received.at(frame));
    }
  }

  #greet(frame: FrameReader): void {
    if (frame.kind === FrameKind.GoAway) {
      this.#half.goAway(frame.goAway());
      return;
    }
    if (frame.kind !== FrameKind.Hello)
      throw new ProtocolError("The first frame of a connection must be a Hello");
    const hello = frame.hello();
    if (!isVersionCompatible(this.hello.version, hello.version)) {
      this.fail(new VersionError(this.hello.version, hello.version), NackCode.VERSION);
      return;
    }
    if (!hello.codecs.some((codec) => this.hello.codecs.includes(codec))) {
      this.fail(
        new ProtocolError(
          `No payload codec in common: the peer names [${hello.codecs.join(", ").slice(0, 500)}]`,
          { refusal: "CODEC" },
        ),
        NackCode.CODEC,
      );
      return;
    }
    const peer = { ...hello, limits: completeLimits(hello.limits) };
    this.peer = peer;
    this.#batch.keepTo(peer.limits);
    this.outbound.keepTo(peer);
    this.#state = "open";
    this.#half.ready(peer);
  }

  #chunk(frame: FrameReader): void {
    const { stream, payload } = frame;
    this.#receivedBytes += payload.end - payload.start;
    const message = this.inbound.begun(stream);
    if (message === undefined) return; // of a message refused or a stream ended meanwhile
    let complete: boolean;
    try {
      complete = message.add(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#break(stream, error.message);
      return;
    }
    if (!complete) return;
    this.inbound.drop(stream);
    const received = this.#received.atAssembled(message);
    if (received.kind === FrameKind.Task) this.#half.taskPayload(received);
    else this.#half.message(received);
    received.clear(); // it may be large, and nothing may follow for long
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
    this.#batch.end();
    this.inbound.clear();
    this.outbound.clear();
    this.#half.closed(error);
  }
}
