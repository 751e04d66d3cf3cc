/**
 * The client half of the protocol: opens streams on one connection, hands responses to them, and keeps
 * a stream's number until its one terminal frame has come.
 */

import { discard } from "../codec/beside/attachments.ts";
import { assertAffordable } from "../codec/budget/assert-affordable.ts";
import { auditPayload } from "../codec/budget/payload-audit.ts";
import { NotSerializableError } from "../errors/not-serializable-error.ts";
import { ProtocolError } from "../errors/protocol-error.ts";
import { TaskRefusedError } from "../errors/task-refused-error.ts";
import { TAINT_NOT_KNOWN } from "../identity/taint.ts";
import { LoopSpinner, type Spinner } from "../internal/loop-spinner.ts";
import { shownBriefly } from "../internal/shown-text.ts";
import type { FrameReader } from "../wire/batch/frame-reader.ts";
import { FrameKind } from "../wire/frame-kind.ts";
import type { GoAway, Hello, MessageKind, Nack, TaskFields } from "../wire/frames.ts";
import type { FlowHead } from "../wire/messages/flow.ts";
import { refusalName } from "../wire/messages/nack-code.ts";
import { NO_PAYLOAD, type Payload } from "../wire/payload.ts";
import { TaskFlag } from "../wire/task/flags.ts";
import type { Carrier, Enclosure } from "./carrier.ts";
import type { ClientStream } from "./client-stream.ts";
import { Connection } from "./connection.ts";
import { DeferredWork } from "./deferred-work.ts";
import { type Definable, OutboundDefinitions } from "./definitions.ts";
import { CHUNK_SIZE } from "./limits.ts";
import { besideOf } from "./messages/enclosing.ts";
import type { ReceivedMessage } from "./messages/received-message.ts";
import type { SessionHalf } from "./session-half.ts";
import { StreamNumbers } from "./stream-numbers.ts";
import { StreamTable } from "./stream-table.ts";

/** Events of the client half, for its owner. */
export interface ClientSessionEvents {
  ready(hello: Hello): void;
  /** The peer will take no new streams, or none above a number. */
  goAway(frame: GoAway): void;
  pong(token: number): void;
  /** A batch of responses has been handed out, or the connection takes more again. */
  progress(): void;
  closed(error: Error | undefined): void;
}

/** What goes with a step of a generator. */
interface StepMessage {
  readonly payload: Payload;
  readonly variables: Uint8Array | undefined;
  /** The payload, as refusals call it. */
  readonly what: string;
}

/** With more calls under way there is work enough to keep the thread awake. */
const FEW_STREAMS = 2;

/** One each for all connections of this thread: any answer will do. */
const localSpinner = new LoopSpinner();
/**
 * A worker on the network answers through two threads, each of which has to be woken: on one host, or to the
 * next, a short call takes a few hundred microseconds. Farther away waiting awake never pays, and is not done.
 */
const networkSpinner = new LoopSpinner({ windowMs: 0.4 });

/** The client's end of one connection. */
export class ClientSession implements SessionHalf {
  readonly flushAfter = "tick" as const;
  readonly serves = false;
  readonly connection: Connection;
  /** What waits until the worker takes more. */
  readonly deferred: DeferredWork = new DeferredWork(() => !this.connection.congested);
  readonly #events: ClientSessionEvents;
  readonly #streams = new StreamTable<ClientStream>();
  readonly #numbers = new StreamNumbers();
  readonly #definitions: OutboundDefinitions;
  readonly #spinner: Spinner;
  #ended = false;

  constructor(carrier: Carrier, hello: Hello, events: ClientSessionEvents) {
    this.#events = events;
    this.#spinner = carrier.spinner ?? (carrier.local ? localSpinner : networkSpinner);
    this.connection = new Connection(carrier, hello, this);
    this.#definitions = new OutboundDefinitions(this.connection.writer);
  }

  /** Streams without a terminal frame. */
  get inFlight(): number {
    return this.#streams.size;
  }

  get open(): boolean {
    return this.connection.open;
  }

  /**
   * The index under which the peer knows a routine, defining it first; 0 when the peer's table is full.
   *
   * @param key The object under which the definition is remembered.
   * @param describe Makes the definition when it is needed.
   */
  routineRef<K extends object>(key: K, describe: (key: K) => Definable): number {
    return this.#definitions.routineRef(key, describe);
  }

  /** As `routineRef`, for the descriptor of a proxy. */
  proxyRef<K extends object>(key: K, describe: (key: K) => Definable): number {
    return this.#definitions.proxyRef(key, describe);
  }

  /**
   * Opens a stream with a task.
   *
   * @returns The stream's number.
   * @throws {@link TaskRefusedError} `TOO_LARGE` when the arguments exceed what the worker accepts, `NOT_EXPOSED` when the
   *   routine is tainted and the worker would not know; {@link NotSerializableError} when one among the arguments is, or
   *   when over a network they cost more to read than they are long. Nothing is sent.
   */
  openStream(sink: ClientStream, fields: TaskFields, encoded: Payload): number {
    const payload = this.connection.readable(encoded);
    this.#assertSendable(payload, "arguments");
    if (!this.connection.carrier.local) {
      assertAffordable(payload, { root: "args", receiver: (fields.flags & TaskFlag.Receiver) !== 0 });
    }
    if ((fields.flags & TaskFlag.Tainted) !== 0 && !this.connection.takesTainted) {
      throw new TaskRefusedError("NOT_EXPOSED", `Cannot call '${fields.callable ?? ""}': ${TAINT_NOT_KNOWN}`);
    }
    const stream = this.#numbers.take(this.#streams);
    this.connection.outbound.task(stream, fields, payload);
    this.#streams.set(stream, sink);
    return stream;
  }

  /** As `whenTransferred` of the outbound messages: for the arguments of a task that has just been written. */
  whenTransferred(stream: number, done: () => void): boolean {
    return this.connection.outbound.whenTransferred(stream, done);
  }

  // Each step may bring changes of context variables: an encoded `ContextChanges`, for a worker that takes them.

  next(stream: number, variables?: Uint8Array): void {
    this.connection.outbound.next(stream, variables);
  }

  send(stream: number, payload: Payload, variables?: Uint8Array): void {
    this.#message(stream, FrameKind.Send, { payload, variables, what: "value sent to the generator" });
  }

  throw(stream: number, payload: Payload, variables?: Uint8Array): void {
    this.#message(stream, FrameKind.Throw, { payload, variables, what: "error thrown into the generator" });
  }

  return(stream: number, payload: Payload, variables?: Uint8Array): void {
    this.#message(stream, FrameKind.Return, { payload, variables, what: "value returned to the generator" });
  }

  credit(stream: number, values: number, variables?: Uint8Array): void {
    this.connection.writer.credit(stream, values, variables);
    this.connection.scheduleFlush();
  }

  /** Sends something about an iterable, a stream or a callback among the arguments. */
  flow(stream: number, flow: FlowHead, payload: Payload, variables?: Uint8Array): void {
    if (!this.open || !this.#streams.has(stream)) return;
    const sent = this.#sendable(payload, "value of an iterable or a callback", "value");
    this.connection.outbound.message(stream, FrameKind.CallerFlow, sent, 0, variables, flow);
  }

  /** Asks the worker to end the task. Its terminal frame still comes; parts not yet sent are dropped. */
  cancel(stream: number, reason: Payload): void {
    if (!this.#streams.has(stream)) return;
    this.connection.outbound.drop(stream);
    this.connection.writer.cancel(stream, this.#brief(reason));
    this.connection.scheduleFlush();
  }

  /** Tells the worker that an `AbortSignal` among the arguments has fired. */
  signal(stream: number, index: number, reason: Payload): void {
    if (!this.#streams.has(stream)) return;
    this.connection.writer.signal(stream, index, this.#brief(reason));
    this.connection.scheduleFlush();
  }

  ping(token: number): void {
    this.connection.writer.ping(token);
    this.connection.scheduleFlush();
  }

  ready(hello: Hello): void {
    this.#definitions.keepTo(hello.limits);
    this.#events.ready(hello);
  }

  isOpen(stream: number): boolean {
    if (this.#streams.has(stream)) return true;
    this.#numbers.assertOpened(stream);
    return false;
  }

  message(message: ReceivedMessage): void {
    const { kind, stream } = message;
    const sink = this.#streams.get(stream);
    if (sink === undefined) return this.#numbers.assertOpened(stream); // late
    switch (kind) {
      case FrameKind.Done:
        this.#finish(stream);
        return sink.done(message);
      case FrameKind.Result:
        return sink.result(message);
      case FrameKind.Exception:
        this.#finish(stream);
        return sink.exception(message);
      case FrameKind.WorkerFlow:
        return sink.flow(message);
      default:
        return this.broken(stream, "a request frame sent by a worker");
    }
  }

  control(frame: FrameReader): void {
    const { stream } = frame;
    const sink = this.#streams.get(stream);
    if (sink === undefined) {
      if (frame.kind === FrameKind.Nack && this.connection.carrier.enclose !== undefined)
        discard(this.#returned(frame.nack())?.attachments ?? []);
      return this.#numbers.assertOpened(stream); // late
    }
    switch (frame.kind) {
      case FrameKind.Parked:
        return sink.parked(frame.bodyUs);
      case FrameKind.Ack: {
        const ack = this.#read(stream, () => frame.ack());
        if (ack === undefined) return;
        const { peer } = this.connection;
        return sink.accepted(ack.version || (peer?.version ?? ""), ack.uid || (peer?.uid ?? ""));
      }
      case FrameKind.Nack: {
        const nack = this.#read(stream, () => frame.nack());
        if (nack === undefined) return;
        const returned = this.#returned(nack);
        this.#finish(stream);
        return sink.refused(nack, returned);
      }
      case FrameKind.Reset: {
        const reset = this.#read(stream, () => frame.resetInfo());
        if (reset === undefined) return;
        this.#finish(stream);
        return sink.failed(
          new ProtocolError(
            `The worker reset the stream (${refusalName(reset.code)}): ${shownBriefly(reset.detail)}`,
          ),
        );
      }
      default:
        return this.broken(stream, "a request frame sent by a worker");
    }
  }

  task(frame: FrameReader): void {
    if (this.isOpen(frame.stream)) this.broken(frame.stream, "a task sent by a worker");
  }

  taskPayload(): void {
    // Only tasks have one, and `task` refuses them.
  }

  broken(stream: number, problem: string): void {
    const sink = this.#streams.get(stream);
    if (sink === undefined) return;
    // The worker still has the number in use: it is told to stop, and all its answers are late.
    this.connection.writer.reset(stream, 0, problem.slice(0, 200));
    this.connection.scheduleFlush();
    this.#finish(stream);
    sink.failed(new ProtocolError(`The worker sent a frame that breaks the protocol: ${problem}`));
  }

  goAway(frame: GoAway): void {
    this.#numbers.startedUpTo(frame.lastStream);
    this.#events.goAway(frame);
  }

  pong(token: number): void {
    this.#events.pong(token);
  }

  batchEnd(): void {
    this.#spinner.arrived();
    this.deferred.resume();
    this.#events.progress();
  }

  written(): void {
    // It leaves with the turn's end.
  }

  beforeFlush(): void {
    // Nothing to add.
  }

  flushed(): void {
    this.#numbers.flushed();
    if (this.#streams.size > 0 && this.#streams.size <= FEW_STREAMS) this.#spinner.expect();
  }

  drained(): void {
    this.deferred.resume();
    this.#events.progress();
  }

  closed(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.deferred.clear();
    const streams = this.#streams.entries();
    this.#streams.clear();
    this.#events.closed(error);
    for (const [stream, sink] of streams) sink.lost(error, this.#numbers.mayHaveStarted(stream));
  }

  /** Decodes the content of a control frame; broken content ends its stream only. */
  #read<T>(stream: number, decode: () => T): T | undefined {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.broken(stream, error.message);
      return undefined;
    }
  }

  #message(stream: number, kind: MessageKind, { payload: encoded, variables, what }: StepMessage): void {
    const payload = this.#sendable(encoded, what, kind === FrameKind.Throw ? "error" : "value");
    if (!this.#streams.has(stream)) return; // it has ended meanwhile
    this.connection.outbound.message(stream, kind, payload, 0, variables);
  }

  /** A payload in the form that the worker reads. @throws If it takes none such. */
  #sendable(encoded: Payload, what: string, root: string): Payload {
    const payload = this.connection.readable(encoded);
    this.#assertSendable(payload, what);
    if (!this.connection.carrier.local) assertAffordable(payload, { root });
    return payload;
  }

  /** A reason too large for one frame, or not for this worker, is not sent: it learns only that there is a reason. */
  #brief(reason: Payload): Payload {
    const isLarge = reason.parts.length > 0 || reason.end - reason.start > CHUNK_SIZE;
    if (!this.connection.carrier.local && auditPayload(reason, "sender") !== undefined) return NO_PAYLOAD;
    return isLarge || (reason.tainted !== undefined && !this.connection.takesTainted) ? NO_PAYLOAD : reason;
  }

  /** What a refusal gives back. */
  #returned({ attached }: Nack): Enclosure | undefined {
    return attached === true ? this.connection.inbound.enclosure() : undefined;
  }

  #finish(stream: number): void {
    this.#streams.delete(stream);
    this.connection.dropTransfers(stream);
  }

  #assertSendable(payload: Payload, what: string): void {
    if (payload.tainted !== undefined && !this.connection.takesTainted) {
      throw new NotSerializableError(payload.tainted, TAINT_NOT_KNOWN);
    }
    if (payload.platform !== undefined && !this.connection.takesPlatform) {
      const { path, why } = payload.platform;
      throw new NotSerializableError(path, `${why()}, since this worker runs an earlier version`);
    }
    if (payload.beside !== undefined && this.connection.carrier.enclose === undefined) {
      const { path, why } = besideOf(payload) ?? {};
      if (path !== undefined) throw new NotSerializableError(path, why?.() ?? "");
    }
    // Parts are large: one without bytes has been moved elsewhere since it was encoded.
    if (payload.parts.length > 0 && payload.parts.some(({ byteLength }) => byteLength === 0)) {
      throw new NotSerializableError(
        what,
        "memory of it was transferred away (detached) before it could be sent; send a copy, with the option `copy: true`",
      );
    }
    if (payload.parts.length > 0 && this.open && !this.connection.outbound.takesParts) {
      throw new TaskRefusedError(
        "TOO_LARGE",
        `Cannot send the ${what}: it holds binary of 64 KiB or more, and this worker does not take binary beside a message; send less at a time, or call workers of a newer version`,
      );
    }
    const excess = this.connection.excess(payload);
    if (excess !== undefined) {
      throw new TaskRefusedError(
        "TOO_LARGE",
        `Cannot send the ${what}: ${excess.sizeBytes} bytes exceed the ${excess.limitBytes} that the worker accepts; send less at a time (a generator, for example), or raise maxMessageSize of the workers`,
      );
    }
  }
}
