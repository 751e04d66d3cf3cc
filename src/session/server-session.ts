/**
 * The server half of the protocol: gives each task to an acceptor, each later frame to the stream the
 * acceptor made of it, and sees to it that every stream ends in exactly one terminal frame.
 */
import { LOCAL_PEER, type Peer, UNKNOWN_PEER } from "../credentials/peers/peer.ts";
import { ProtocolError } from "../errors/protocol-error.ts";
import type { FrameReader } from "../wire/batch/frame-reader.ts";
import { Feature } from "../wire/features.ts";
import { FrameKind } from "../wire/frame-kind.ts";
import type { GoAway, Hello, Nack } from "../wire/frames.ts";
import type { FlowHead } from "../wire/messages/flow.ts";
import { createNack } from "../wire/messages/nack.ts";
import { NackCode } from "../wire/messages/nack-code.ts";
import { type Payload, payloadSize } from "../wire/payload.ts";
import { TaskFlag } from "../wire/task/flags.ts";
import type { Carrier } from "./carrier.ts";
import { Connection } from "./connection.ts";
import { type ReceivedContext, ReceivedContexts } from "./context/received-contexts.ts";
import { DeferredWork } from "./deferred-work.ts";
import type { MemoryBudget } from "./memory/memory-budget.ts";
import { ReceivedMessage } from "./messages/received-message.ts";
import { ReturnableValues } from "./messages/returnable-values.ts";
import type { ServerStream } from "./server-stream.ts";
import type { SessionHalf } from "./session-half.ts";
import { LAST_STREAM } from "./stream-numbers.ts";
import { StreamTable } from "./stream-table.ts";
import { formatTaskId, taskIdPrefix } from "./task-id.ts";

/** Takes tasks. */
export interface TaskAcceptor {
  /** A client has introduced itself. */
  opened(session: ServerSession): void;
  /**
   * Takes or refuses a task by its head.
   *
   * @returns The stream that will be fed, or the refusal to answer with.
   */
  accept(session: ServerSession, frame: FrameReader): ServerStream | Nack;
  /** Something may be ready to run: a batch has been read. */
  batchEnd(): void;
  /** Something has been written, the first since the last turn's end. */
  written(session: ServerSession): void;
  /** The turn's frames are about to leave. */
  beforeFlush(session: ServerSession): void;
  /** Frames have left. */
  flushed(): void;
  closed(session: ServerSession): void;
}

/** The server's end of one connection. */
export class ServerSession implements SessionHalf {
  readonly flushAfter = "microtasks" as const;
  readonly serves = true;
  readonly connection: Connection;
  /** What waits until the client takes more answers, and until all is read that has come: it may have been taken back. */
  readonly deferred: DeferredWork = new DeferredWork(() => !this.defersWork && !this.connection.hasInput);
  readonly #acceptor: TaskAcceptor;
  readonly #streams = new StreamTable<ServerStream>();
  readonly #reason: ReceivedMessage;
  /** The highest number that a task has come on; clients number upwards. */
  #lastStream = 0;
  #hasUnsentAnswers = false;
  #knowsGrammar = false;
  #taskIdPrefix: string | undefined;
  /** Absent until context variables come. */
  #contexts: ReceivedContexts | undefined;
  /** What is given back with the refusal of a task; absent until something has been moved. */
  #returnable: ReturnableValues | undefined;
  readonly #pings = new Map<number, () => void>();
  #nextPing = 1;

  /** @param budget As for `Connection`. */
  constructor(carrier: Carrier, hello: Hello, acceptor: TaskAcceptor, budget?: MemoryBudget) {
    this.#acceptor = acceptor;
    this.#reason = new ReceivedMessage(carrier);
    this.connection = new Connection(carrier, hello, this, budget);
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
   * Sends what has been written, and that no task is started but those that have come: the process is about to end,
   * and the event loop turns no more.
   *
   * @param unasked Whether the process ends by itself, without having been told to.
   * @param untilMs When to give up on a client that does not read, as `performance.now()` counts.
   */
  leave(detail: string, { unasked, untilMs }: { readonly unasked: boolean; readonly untilMs: number }): void {
    this.connection.writer.goAway({
      lastStream: this.#lastStream,
      code: NackCode.DRAINING,
      detail,
      graceMs: 0,
      unasked,
    });
    this.connection.sendBeforeExit(untilMs);
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

  /**
   * The context variables that have come with a task.
   *
   * @throws {@link ProtocolError} if they cannot be read.
   */
  variablesOf(frame: FrameReader): ReceivedContext | undefined {
    if (frame.variablesStart === frame.variablesEnd) return undefined;
    this.#contexts ??= new ReceivedContexts();
    return this.#contexts.read(frame);
  }

  /** Whether answers have been written since the last batch left. */
  get hasUnsentAnswers(): boolean {
    return this.#hasUnsentAnswers;
  }

  /** Who the client is, as far as the carrier knows. */
  get peer(): Peer {
    const { carrier } = this.connection;
    return carrier.peer ?? (carrier.local ? LOCAL_PEER : UNKNOWN_PEER);
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
   * deferred. Never for a client on this host: it belongs to the same user.
   */
  get defersWork(): boolean {
    const { memory, congested } = this.connection;
    return memory !== undefined && (congested || memory.peer.readsTooLittle);
  }

  /** Counts a payload that is kept beyond its turn as held for the client, and returns it. */
  kept(payload: Payload): Payload {
    this.connection.memory?.add(payloadSize(payload));
    return payload;
  }

  /**
   * It is kept no longer, by nobody.
   *
   * @param partsToo Whether its parts have become the memory of no value either.
   */
  released(payload: Payload, { partsToo }: { readonly partsToo: boolean }): void {
    this.connection.memory?.drop(payloadSize(payload));
    this.connection.release(payload);
    payload.release?.();
    if (partsToo) for (const part of payload.parts) this.connection.carrier.release?.(part);
  }

  /** The id of the task on a stream, where its caller has not chosen one; the caller can tell it likewise. */
  taskId(stream: number): string {
    const { peer } = this.connection;
    this.#taskIdPrefix ??= taskIdPrefix(peer?.uid ?? "");
    return formatTaskId(this.#taskIdPrefix, peer?.session ?? 0, stream);
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

  /** The arguments of a task are the body's from here on: a refusal would not give back what was moved to it. */
  argumentsTaken(stream: number): void {
    this.#returnable?.keep(stream);
  }

  parked(stream: number, bodyUs: number): void {
    this.connection.writer.parked(stream, bodyUs);
    this.connection.scheduleFlush();
  }

  // Each answer may bring changes of context variables: an encoded `ContextChanges`, for a client that takes them.

  result(stream: number, payload: Payload, bodyUs: number, variables?: Uint8Array): void {
    this.#hasUnsentAnswers = true;
    this.connection.outbound.message(stream, FrameKind.Result, payload, bodyUs, variables);
  }

  done(stream: number, payload: Payload, bodyUs: number, variables?: Uint8Array): void {
    this.#last(stream, FrameKind.Done, payload, bodyUs, variables);
  }

  exception(stream: number, payload: Payload, bodyUs: number, variables?: Uint8Array): void {
    this.#last(stream, FrameKind.Exception, payload, bodyUs, variables);
  }

  /** Sends something about an iterable, a stream or a callback among the arguments. */
  flow(stream: number, flow: FlowHead, payload: Payload, variables?: Uint8Array): void {
    this.connection.outbound.message(stream, FrameKind.WorkerFlow, payload, 0, variables, flow);
  }

  nack(stream: number, nack: Nack): void {
    this.#streams.delete(stream);
    this.connection.dropTransfers(stream);
    const { version } = this.connection.hello;
    const attached = this.#returnable?.giveBack(stream, this.connection.carrier) || undefined;
    const told = nack.version === "" || attached ? { ...nack, version, attached } : nack;
    this.connection.writer.nack(stream, told);
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

  task(frame: FrameReader, payload: ReceivedMessage | undefined): void {
    const { stream } = frame;
    if (this.#streams.has(stream))
      throw new ProtocolError(`A second task on stream ${stream}, which is in use`);
    if (stream > this.#lastStream) this.#lastStream = stream;
    if (payload !== undefined && (frame.task.flags & TaskFlag.Moved) !== 0) {
      this.#returnable ??= new ReturnableValues();
      this.#returnable.add(stream, payload);
    }
    if (this.#streams.size >= this.connection.hello.limits.maxStreams) {
      this.nack(
        stream,
        createNack(
          NackCode.FULL,
          `more than ${this.connection.hello.limits.maxStreams} tasks on one connection`,
        ),
      );
      return;
    }
    const accepted = this.#acceptor.accept(this, frame);
    if ("code" in accepted) {
      this.nack(stream, accepted);
      return;
    }
    this.#streams.set(stream, accepted);
    if (payload !== undefined) accepted.payload(payload);
  }

  taskPayload(message: ReceivedMessage): void {
    this.#streams.get(message.stream)?.payload(message);
  }

  message(message: ReceivedMessage): void {
    const { kind, stream } = message;
    const target = this.#streams.get(stream);
    if (target === undefined) return; // late: the stream has ended here
    switch (kind) {
      case FrameKind.Send:
        return target.send(message);
      case FrameKind.Throw:
        return target.throw(message);
      case FrameKind.Return:
        return target.return(message);
      case FrameKind.CallerFlow:
        return target.flow(message);
      default:
        return this.broken(stream, "a response frame sent by a client");
    }
  }

  control(frame: FrameReader): void {
    const { stream } = frame;
    if (!this.isOpen(stream)) {
      // Late: the stream has ended here. A client that resets it does not want the rest of its result either.
      if (frame.kind === FrameKind.Reset) this.connection.outbound.drop(stream);
      return;
    }
    const target = this.#streams.get(stream) as ServerStream; // it is open
    switch (frame.kind) {
      case FrameKind.Next:
        return target.next(frame.variables());
      case FrameKind.Credit:
        return target.credit(frame.count, frame.variables());
      case FrameKind.Signal:
        return target.signalFired(frame.count, this.#reason.at(frame));
      case FrameKind.Cancel:
        // What is on its way to the client still arrives whole: its terminal frame comes behind it.
        this.connection.inbound.drop(stream);
        return target.cancel(this.#reason.at(frame));
      case FrameKind.Reset:
        this.#streams.delete(stream);
        this.#returnable?.drop(stream);
        this.connection.dropTransfers(stream);
        return target.lost("the client reset the stream");
      default:
        return this.broken(stream, "a response frame sent by a client");
    }
  }

  broken(stream: number, problem: string): void {
    const target = this.#streams.get(stream);
    this.#streams.delete(stream);
    this.#returnable?.drop(stream);
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
    if (this.connection.memory !== undefined) this.deferred.resume(); // on this host nothing is deferred
    this.#acceptor.batchEnd();
  }

  written(): void {
    this.#acceptor.written(this);
  }

  beforeFlush(): void {
    this.#acceptor.beforeFlush(this);
  }

  flushed(): void {
    this.#hasUnsentAnswers = false;
    // Over a network the next call takes longer than waiting awake for it pays, and another thread wants the time.
    if (this.connection.carrier.local) this.#acceptor.flushed();
  }

  drained(): void {
    // Results wait in the writer and leave with the next flush.
    this.connection.scheduleFlush();
    this.deferred.resume();
  }

  closed(error: Error | undefined): void {
    const streams = this.#streams.values();
    this.#streams.clear();
    this.#returnable?.clear();
    for (const answered of this.#pings.values()) answered();
    this.#pings.clear();
    for (const stream of streams) stream.lost(error?.message ?? "the client closed the connection");
    this.deferred.clear();
    this.#acceptor.closed(this);
  }

  /** Writes the frame that ends a stream. */
  #last(
    stream: number,
    kind: typeof FrameKind.Done | typeof FrameKind.Exception,
    payload: Payload,
    bodyUs: number,
    variables: Uint8Array | undefined,
  ): void {
    this.connection.outbound.message(stream, kind, payload, bodyUs, variables);
    this.#streams.delete(stream);
    this.connection.inbound.drop(stream);
    this.#returnable?.drop(stream);
    this.#hasUnsentAnswers = true;
  }
}
