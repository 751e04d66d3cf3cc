/**
 * The incoming frames of one connection: passes each frame on to the object that it concerns, collects messages
 * that come in chunks, and gives the peer back the window that they took. Its half of the protocol gets whole,
 * checked messages; payloads are never interpreted. A fault in one frame ends its stream; one after which
 * nothing can be believed is thrown.
 */
import { discard } from "../codec/beside/attachments.ts";
import { ProtocolError } from "../errors/protocol-error.ts";
import { ArrayQueue } from "../internal/array-queue.ts";
import type { BegunBatch } from "../wire/batch/begun-batch.ts";
import type { FrameReader } from "../wire/batch/frame-reader.ts";
import { FrameKind } from "../wire/frame-kind.ts";
import type { Define, Hello } from "../wire/frames.ts";
import type { Carrier, Enclosure } from "./carrier.ts";
import { InboundDefinitions } from "./definitions.ts";
import { partGarbage } from "./memory/part-garbage.ts";
import type { ConnectionMemory } from "./memory/peer-memory.ts";
import { InboundMessages } from "./messages/inbound-messages.ts";
import type { MessageAssembly } from "./messages/message-assembly.ts";
import type { OutboundMessages } from "./messages/outbound-messages.ts";
import { ReceivedMessage } from "./messages/received-message.ts";
import { releaseSlab } from "./messages/slab.ts";
import type { OutboundBatch } from "./outbound-batch.ts";
import type { SessionHalf } from "./session-half.ts";

/**
 * Broken frames tolerated on one connection before it is ended: each costs a few bytes to send and more to
 * refuse.
 */
const MAX_BROKEN = 1000;

/**
 * Pings answered while the carrier is full, before the connection is ended: their answers wait for no window, and a
 * peer that reads none of them would fill memory with them.
 */
const MAX_UNREAD_PONGS = 1000;

/** The objects that incoming frames concern. */
export interface InboundTargets {
  readonly half: SessionHalf;
  /** For answers that the connection itself gives. */
  readonly batch: OutboundBatch;
  /** The messages on their way out: the peer returns their window, and those of a broken stream are dropped. */
  readonly outbound: OutboundMessages;
  /** Where what is kept is counted; absent: nowhere. */
  readonly memory: ConnectionMemory | undefined;
}

/** The receiving side of one connection, once both sides have introduced themselves. */
export class InboundFrames {
  readonly messages: InboundMessages;
  readonly #definitions: InboundDefinitions;
  readonly #half: SessionHalf;
  readonly #batch: OutboundBatch;
  readonly #outbound: OutboundMessages;
  readonly #received: ReceivedMessage;
  readonly #windowBytes: number;
  /** Bytes of messages received and not yet returned. */
  #receivedBytes = 0;
  #broken = 0;
  /** The message whose memory the carrier fills. */
  #filling: MessageAssembly | undefined;
  #unreadPongs = 0;
  /** Those that no frame has taken yet. None ever come but from a thread of this process. */
  readonly #enclosures = new ArrayQueue<Enclosure>();

  /** @param hello The Hello of this side, with the limits that it has announced. */
  constructor(carrier: Carrier, hello: Hello, { half, batch, outbound, memory }: InboundTargets) {
    const release =
      carrier.release === undefined ? undefined : (bytes: Uint8Array) => carrier.release?.(bytes);
    this.messages = new InboundMessages(hello.limits, memory, release);
    this.#definitions = new InboundDefinitions(hello.limits.maxDefines, memory);
    this.#half = half;
    this.#batch = batch;
    this.#outbound = outbound;
    this.#received = new ReceivedMessage(carrier);
    this.#windowBytes = hello.limits.connectionWindow;
  }

  /** The peer's definition under this kind and index. */
  definition(kind: number, index: number): Define | undefined {
    return this.#definitions.get(kind, index);
  }

  /** Whether somebody keeps a payload that lies in the memory of the batch, since this was set to false. */
  get keepsBatch(): boolean {
    return this.#received.keptInPlace;
  }

  set keepsBatch(keeps: boolean) {
    this.#received.keptInPlace = keeps;
  }

  /** Keeps an enclosure for its frame; not if none is read any more. */
  enclosed(enclosure: Enclosure, ended: boolean): void {
    if (ended) discard(enclosure.attachments);
    else this.#enclosures.push(enclosure);
  }

  /** No frame is read any more: what has come for one is nobody's. */
  clear(): void {
    this.messages.clear();
    for (let next = this.#enclosures.shift(); next !== undefined; next = this.#enclosures.shift()) {
      discard(next.attachments);
    }
  }

  /**
   * The enclosure of the frame that is being read.
   *
   * @throws {@link ProtocolError} if none has come for it.
   */
  enclosure(): Enclosure {
    const enclosure = this.#enclosures.shift();
    if (enclosure === undefined) throw new ProtocolError("A frame names an enclosure that has not come");
    return enclosure;
  }

  /** Takes one frame. */
  take(frame: FrameReader): void {
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
      case FrameKind.CallerFlow:
      case FrameKind.WorkerFlow:
        this.#message(frame);
        return;
      case FrameKind.Chunk:
        this.#chunk(frame);
        return;
      case FrameKind.Malformed:
        // Which enclosures belong to the frames after it is not known.
        if (stream === 0 || this.#enclosures.size > 0)
          throw new ProtocolError(`A malformed frame on the connection's own stream: ${frame.problem}`);
        this.#break(stream, frame.problem);
        return;
      case FrameKind.Window:
        if (stream === 0) {
          this.#outbound.windowReturned(frame.count);
          this.#half.drained();
        }
        return;
      case FrameKind.Define:
        if (this.#half.serves) this.#definitions.add(frame.define());
        return;
      case FrameKind.Ping:
        this.#ping(frame.count);
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

  /** A batch has been read: gives the peer back the part of its window that is used, once that is half of it. */
  returnWindow(): void {
    if (this.#receivedBytes * 2 < this.#windowBytes) return;
    this.#batch.writer.window(0, this.#receivedBytes);
    this.#receivedBytes = 0;
    this.#batch.scheduleFlush();
  }

  /** Forgets what has come of a stream's unfinished message. */
  drop(stream: number): void {
    if (this.messages.unfinished > 0) this.messages.drop(stream);
  }

  #task(frame: FrameReader): void {
    const { stream, payload } = frame;
    this.#receivedBytes += payload.end - payload.start;
    if (stream === 0) throw new ProtocolError("A task on stream 0");
    if (payload.attached) {
      const received = this.#received.atEnclosed(frame, this.#openEnclosure());
      this.#half.task(frame, received);
      received.clear();
    } else if (payload.parts > 0) {
      const excess = this.messages.excess(payload.parts);
      if (excess !== undefined) return this.#break(stream, excess);
      this.#half.task(frame, undefined);
      if (this.#half.isOpen(stream)) this.messages.open(frame);
    } else if (payload.detached) {
      this.#break(stream, "a detached message without parts");
    } else {
      partGarbage.addPayload(payload.end - payload.start);
      this.#half.task(frame, this.#received.at(frame));
    }
  }

  #message(frame: FrameReader): void {
    const { stream, payload } = frame;
    this.#receivedBytes += payload.end - payload.start;
    const enclosure = payload.attached ? this.#openEnclosure() : undefined;
    if (!this.#half.isOpen(stream)) {
      if (enclosure !== undefined) letGo(enclosure);
      return; // late
    }
    if (this.messages.unfinished > 0 && this.messages.has(stream)) {
      if (enclosure !== undefined) letGo(enclosure);
      this.#break(stream, "a message began before the parts of the one before it had come");
    } else if (enclosure !== undefined) {
      const received = this.#received.atEnclosed(frame, enclosure);
      this.#half.message(received);
      received.clear();
    } else if (payload.parts > 0) {
      const excess = this.messages.excess(payload.parts);
      if (excess === undefined) this.messages.open(frame);
      else this.#break(stream, excess);
    } else if (payload.detached) {
      this.#break(stream, "a detached message without parts");
    } else {
      partGarbage.addPayload(payload.end - payload.start);
      this.#half.message(this.#received.at(frame));
    }
  }

  #chunk(frame: FrameReader): void {
    const { stream, payload } = frame;
    this.#receivedBytes += payload.end - payload.start;
    const message = this.messages.begun(stream);
    if (message === undefined) return; // of a message refused or a stream ended meanwhile
    let complete: boolean;
    try {
      complete = this.messages.add(message, frame);
    } catch (error) {
      this.#breakFor(stream, error);
      return;
    }
    if (complete) this.#complete(stream, message);
  }

  /** The enclosure of a message, which counts as its bytes do. */
  #openEnclosure(): Enclosure {
    const enclosure = this.enclosure();
    const { slab } = enclosure;
    let bytes = 0;
    for (const { byteLength } of enclosure.parts) bytes += byteLength;
    this.#receivedBytes += slab === undefined ? bytes : bytes + slab.end - slab.start;
    partGarbage.add(bytes);
    return enclosure;
  }

  #complete(stream: number, message: MessageAssembly): void {
    this.drop(stream);
    partGarbage.add(message.heldBytes);
    const received = this.#received.atAssembled(message);
    if (received.kind === FrameKind.Task) this.#half.taskPayload(received);
    else this.#half.message(received);
    received.clear(); // the message may be large, and it may be long until another one replaces it here
  }

  /**
   * Begins with a chunk of which not all data have come.
   *
   * @param bytes Those that have come, up to `end`.
   * @returns Memory for the rest, of which {@link filled} is to be told.
   */
  begin({ stream, chunk, data }: BegunBatch, bytes: Uint8Array, end: number): Uint8Array {
    const lengthBytes = data.end - data.start;
    const hereBytes = end - data.start;
    this.#receivedBytes += lengthBytes;
    const message = this.messages.begun(stream);
    if (message !== undefined) {
      try {
        const room = message.reserve(chunk, lengthBytes);
        room.set(bytes.subarray(data.start, end));
        this.#filling = message;
        return room.subarray(hereBytes);
      } catch (error) {
        this.#breakFor(stream, error);
      }
    }
    return Buffer.allocUnsafeSlow(lengthBytes - hereBytes); // where nobody looks
  }

  /** All data of that chunk have come. */
  filled({ stream, chunk, data }: BegunBatch): void {
    const message = this.#filling;
    this.#filling = undefined;
    if (message === undefined || this.messages.begun(stream) !== message) return; // the stream has ended meanwhile
    try {
      if (message.filled(chunk, data.end - data.start)) this.#complete(stream, message);
    } catch (error) {
      this.#breakFor(stream, error);
    }
  }

  #ping(token: number): void {
    this.#unreadPongs = this.#batch.congested ? this.#unreadPongs + 1 : 0;
    if (this.#unreadPongs > MAX_UNREAD_PONGS)
      throw new ProtocolError(
        `More than ${MAX_UNREAD_PONGS} pings from a peer that does not read the answers`,
      );
    this.#batch.writer.pong(token);
    this.#batch.scheduleFlush();
  }

  /** As `#break`, for what a chunk has thrown. */
  #breakFor(stream: number, error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.#break(stream, error.message);
  }

  #break(stream: number, problem: string): void {
    this.#broken += 1;
    if (this.#broken > MAX_BROKEN)
      throw new ProtocolError(`More than ${MAX_BROKEN} broken frames on one connection`);
    this.#outbound.drop(stream);
    this.drop(stream);
    this.#half.broken(stream, problem);
  }
}

/** Nobody takes what has come beside a frame. */
function letGo({ attachments, slab }: Enclosure): void {
  discard(attachments);
  if (slab !== undefined) releaseSlab(slab);
}
