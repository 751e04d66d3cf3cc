/**
 * The server half of the protocol: gives each task to an acceptor, each later frame to the stream the
 * acceptor made of it, and sees to it that every stream ends in exactly one terminal frame.
 */
import { ProtocolError } from "../errors/protocol-error.ts";
import type { BatchReader } from "../wire/batch/reader.ts";
import { Feature } from "../wire/features.ts";
import { FrameKind } from "../wire/frame-kind.ts";
import type { GoAway, Hello, Nack } from "../wire/frames.ts";
import { NackCode } from "../wire/messages/nack-code.ts";
import type { Carrier } from "./carrier.ts";
import { Connection } from "./connection.ts";
import { NO_PARTS, type Payload } from "./messages/payload.ts";
import type { SessionHalf } from "./session-half.ts";
import { LAST_STREAM } from "./stream-numbers.ts";

/** One task as the server half feeds it. */
export interface ServerStream {
  /** The arguments have come, whole. */
  payload(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[]): void;
  next(): void;
  send(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[]): void;
  throw(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[]): void;
  return(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[]): void;
  credit(values: number): void;
  /** One of the arguments' own signals has fired. */
  signalFired(index: number, bytes: Uint8Array, start: number, end: number): void;
  cancel(bytes: Uint8Array, start: number, end: number): void;
  /** The stream is over on the wire; whatever runs should stop. Nothing can be sent any more. */
  lost(why: string): void;
}

/** Work that waits until its client takes more; see {@link ServerSession.holdBack}. */
export interface HeldWork {
  /** It may go on. */
  released(): void;
}

/** Takes tasks. */
export interface TaskAcceptor {
  /** A client has introduced itself. */
  opened(session: ServerSession): void;
  /**
   * Takes or refuses a task by its head.
   *
   * @returns The stream that will be fed, or the refusal to answer with.
   */
  accept(session: ServerSession, reader: BatchReader): ServerStream | Nack;
  /** Something may be ready to run: a batch has been read. */
  batchEnd(): void;
  /** The turn's frames are about to leave. */
  beforeFlush(session: ServerSession): void;
  /** Frames have left. */
  flushed(): void;
  closed(session: ServerSession): void;
}

/** Work released in one turn: whether there is room for more shows only once it has answered. */
const RELEASED_AT_A_TIME = 16;

/** The server's end of one connection. */
export class ServerSession implements SessionHalf {
  readonly flushAfter = "microtasks" as const;
  readonly connection: Connection;
  readonly #acceptor: TaskAcceptor;
  readonly #streams = new Map<number, ServerStream>();
  /** The highest number that a task has come on; clients number upwards. */
  #lastStream = 0;
  #knowsGrammar = false;
  readonly #pings = new Map<number, () => void>();
  #nextPing = 1;
  /** The oldest first. */
  readonly #held = new Set<HeldWork>();
  #releasing = false;

  constructor(carrier: Carrier, hello: Hello, acceptor: TaskAcceptor) {
    this.#acceptor = acceptor;
    this.connection = new Connection(carrier, hello, this);
  }

  /** Tasks without a terminal frame. */
  get inFlight(): number {
    return this.#streams.size;
  }

  /** Tells the client to send no more tasks. Those that it has sent before it reads this still come. */
  drain(detail: string, graceMs: number): void {
    this.connection.writer.goAway({ lastStream: LAST_STREAM, code: NackCode.DRAINING, detail, graceMs });
    this.connection.scheduleFlush();
  }

  /**
   * Waits until the client has read everything sent so far, and all that it had sent by then has been read here.
   * Resolves also when the connection has ended.
   */
  caughtUp(): Promise<void> {
    if (!this.connection.open) return Promise.resolve();
    const token = this.#nextPing++;
    this.connection.writer.ping(token);
    this.connection.scheduleFlush();
    return new Promise((resolve) => this.#pings.set(token, resolve));
  }

  /** Whether the client takes binary beside a message. */
  get takesParts(): boolean {
    return this.connection.outbound.takesParts;
  }

  /** Whether the client knows the whole grammar of a call; see `Feature.Grammar`. */
  get knowsGrammar(): boolean {
    return this.#knowsGrammar;
  }

  /**
   * Whether this client takes so little that more answers would only fill memory: what makes answers is then to be
   * held back. A client on this host is one's own, and is never made to wait for itself.
   */
  get isOverfull(): boolean {
    return !this.connection.carrier.local && this.connection.congested;
  }

  /** Has the work released, once, when the client takes more again. */
  holdBack(work: HeldWork): void {
    this.#held.add(work);
  }

  /** Forgets work that was held back. */
  letGo(work: HeldWork): void {
    this.#held.delete(work);
  }

  /** Goes on with another target for the frames of a stream. */
  replace(stream: number, target: ServerStream): void {
    if (this.#streams.has(stream)) this.#streams.set(stream, target);
  }

  ack(stream: number): void {
    const { version, uid } = this.connection.hello;
    this.connection.writer.ack(stream, version, uid);
    this.connection.scheduleFlush();
  }

  parked(stream: number, bodyUs: number): void {
    this.connection.writer.parked(stream, bodyUs);
    this.connection.scheduleFlush();
  }

  result(stream: number, payload: Payload, bodyUs: number): void {
    const { writer } = this.connection;
    this.connection.outbound.send(stream, payload, (bytes, start, end, parts, detached) =>
      writer.result(stream, bytes, start, end, parts, detached, bodyUs),
    );
  }

  done(stream: number, payload: Payload, bodyUs: number): void {
    this.#streams.delete(stream);
    this.connection.inbound.drop(stream);
    const { connection } = this;
    if (connection.outbound.isPlain(stream, payload)) {
      // The hot path: one frame, no closure.
      connection.writer.done(stream, payload.bytes, payload.start, payload.end, 0, false, bodyUs);
      connection.outbound.countSent(payload.end - payload.start);
      connection.scheduleFlush();
      return;
    }
    connection.outbound.send(stream, payload, (bytes, start, end, parts, detached) =>
      connection.writer.done(stream, bytes, start, end, parts, detached, bodyUs),
    );
  }

  exception(stream: number, payload: Payload, bodyUs: number): void {
    this.#streams.delete(stream);
    this.connection.inbound.drop(stream);
    const { writer } = this.connection;
    this.connection.outbound.send(stream, payload, (bytes, start, end, parts, detached) =>
      writer.exception(stream, bytes, start, end, parts, detached, bodyUs),
    );
  }

  nack(stream: number, nack: Nack): void {
    this.#streams.delete(stream);
    this.connection.dropTransfers(stream);
    const { version } = this.connection.hello;
    this.connection.writer.nack(stream, nack.version === "" ? { ...nack, version } : nack);
    this.connection.scheduleFlush();
  }

  ready(hello: Hello): void {
    this.#knowsGrammar = hello.features.includes(Feature.Grammar);
    this.#acceptor.opened(this);
  }

  isOpen(stream: number): boolean {
    if (this.#streams.has(stream)) return true;
    if (stream === 0 || stream > this.#lastStream) {
      throw new ProtocolError(`A frame on stream ${stream}, which was never opened`);
    }
    return false;
  }

  task(reader: BatchReader, complete: boolean): void {
    const { stream } = reader;
    if (this.#streams.has(stream))
      throw new ProtocolError(`A second task on stream ${stream}, which is in use`);
    if (stream > this.#lastStream) this.#lastStream = stream;
    if (this.#streams.size >= this.connection.hello.limits.maxStreams) {
      this.nack(
        stream,
        refusal(
          NackCode.FULL,
          `more than ${this.connection.hello.limits.maxStreams} tasks on one connection`,
        ),
      );
      return;
    }
    const accepted = this.#acceptor.accept(this, reader);
    if ("code" in accepted) {
      this.nack(stream, accepted);
      return;
    }
    this.#streams.set(stream, accepted);
    if (!complete) return;
    const { bytes, payloadStart, payloadEnd } = reader;
    // The arguments wait for their turn; see `Carrier.volatile`.
    if (this.connection.carrier.volatile) {
      accepted.payload(
        new Uint8Array(bytes.subarray(payloadStart, payloadEnd)),
        0,
        payloadEnd - payloadStart,
        NO_PARTS,
      );
    } else {
      accepted.payload(bytes, payloadStart, payloadEnd, NO_PARTS);
    }
  }

  taskPayload(
    stream: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    parts: readonly Uint8Array[],
  ): void {
    this.#streams.get(stream)?.payload(bytes, start, end, parts);
  }

  message(
    kind: FrameKind,
    stream: number,
    _bodyUs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    parts: readonly Uint8Array[],
  ): void {
    const target = this.#streams.get(stream);
    if (target === undefined) return; // late: the stream has ended here
    switch (kind) {
      case FrameKind.Send:
        return target.send(bytes, start, end, parts);
      case FrameKind.Throw:
        return target.throw(bytes, start, end, parts);
      case FrameKind.Return:
        return target.return(bytes, start, end, parts);
      default:
        return this.broken(stream, "a response frame sent by a client");
    }
  }

  control(reader: BatchReader): void {
    const { stream } = reader;
    if (!this.isOpen(stream)) {
      // Late: the stream has ended here. A client that resets it does not want the rest of its result either.
      if (reader.kind === FrameKind.Reset) this.connection.outbound.drop(stream);
      return;
    }
    const target = this.#streams.get(stream) as ServerStream; // it is open
    switch (reader.kind) {
      case FrameKind.Next:
        return target.next();
      case FrameKind.Credit:
        return target.credit(reader.count);
      case FrameKind.Signal:
        return target.signalFired(reader.count, reader.bytes, reader.payloadStart, reader.payloadEnd);
      case FrameKind.Cancel:
        // What is on its way to the client still arrives whole: its terminal frame comes behind it.
        this.connection.inbound.drop(stream);
        return target.cancel(reader.bytes, reader.payloadStart, reader.payloadEnd);
      case FrameKind.Reset:
        this.#streams.delete(stream);
        this.connection.dropTransfers(stream);
        return target.lost("the client reset the stream");
      default:
        return this.broken(stream, "a response frame sent by a client");
    }
  }

  broken(stream: number, problem: string): void {
    const target = this.#streams.get(stream);
    this.#streams.delete(stream);
    if (stream > this.#lastStream) this.#lastStream = stream; // it may have been its task that was malformed
    this.connection.dropTransfers(stream);
    this.connection.writer.reset(stream, NackCode.UNSPECIFIED, problem.slice(0, 200));
    this.connection.scheduleFlush();
    target?.lost(`the client broke the protocol: ${problem}`);
  }

  goAway(_frame: GoAway): void {
    // A client that goes simply closes; there is nothing to answer.
  }

  pong(token: number): void {
    const answered = this.#pings.get(token);
    this.#pings.delete(token);
    answered?.();
  }

  batchEnd(): void {
    this.#acceptor.batchEnd();
  }

  beforeFlush(): void {
    this.#acceptor.beforeFlush(this);
  }

  flushed(): void {
    // Over a network the next call takes longer than waiting awake for it pays, and another thread wants the time.
    if (this.connection.carrier.local) this.#acceptor.flushed();
  }

  drained(): void {
    // Results wait in the writer and leave with the next flush.
    this.connection.scheduleFlush();
    this.#release();
  }

  closed(error: Error | undefined): void {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const answered of this.#pings.values()) answered();
    this.#pings.clear();
    for (const stream of streams) stream.lost(error?.message ?? "the client closed the connection");
    this.#held.clear();
    this.#acceptor.closed(this);
  }

  #release(): void {
    if (this.#held.size === 0 || this.#releasing) return;
    let released = 0;
    for (const work of this.#held) {
      if (this.connection.congested) return; // it drains again
      if (released++ === RELEASED_AT_A_TIME) break;
      this.#held.delete(work);
      work.released();
    }
    if (this.#held.size === 0) return;
    this.#releasing = true;
    setImmediate(() => {
      this.#releasing = false;
      this.#release();
    });
  }
}

/** Makes a Nack. The session that sends it adds the worker's version. */
export function refusal(code: number, reason: string, retryAfterMs = 0): Nack {
  return { code, reason, retryAfterMs, version: "" };
}
