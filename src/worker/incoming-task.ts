/**
 * A task that has arrived: the fields of its head, and what its body sees: identity, lineage, deadline,
 * signals, the calls made inside it. It decodes the values sent to it, and encodes its results; errors are
 * encoded by `task-failures.ts`. It knows nothing of queues or steps.
 */
import { decodeValue } from "../codec/decode/decoder.ts";
import type { FlowSink, FlowSource, References, SignalSource } from "../codec/references.ts";
import type { CallOptions, Dispatcher } from "../context/dispatcher.ts";
import { type Scope, scopeStorage } from "../context/scope.ts";
import type { Abortable, LineageEntry, RunningTask, TaskCaller } from "../context/task.ts";
import type { Bindings } from "../context/variables/bindings.ts";
import type { Branch } from "../context/variables/branch.ts";
import type { Peer } from "../credentials/peers/peer.ts";
import { PayloadError } from "../errors/payload-error.ts";
import { isTainted } from "../identity/taint.ts";
import type { GivenStream } from "../session/flows/hand-over.ts";
import type { ValueHolder, ValueSize } from "../session/memory/argument-room.ts";
import type { PeerMemory } from "../session/memory/peer-memory.ts";
import type { ServerSession } from "../session/server-session.ts";
import { executionChannel, executionStepChannel } from "../telemetry/channels.ts";
import { recording, type Surroundings } from "../telemetry/recorder.ts";
import type { TraceContext, TraceIds } from "../telemetry/trace-context.ts";
import { traceIds } from "../telemetry/traceparent.ts";
import type { FrameReader } from "../wire/batch/frame-reader.ts";
import { MAX_CALLERS } from "../wire/frames.ts";
import { DefineKind } from "../wire/messages/define-kind.ts";
import type { Payload } from "../wire/payload.ts";
import { TaskFlag } from "../wire/task/flags.ts";
import { TaskCallers } from "./access/task-callers.ts";
import type { ExecutionRecord } from "./execution-record.ts";
import { LiveArguments } from "./live-arguments.ts";
import { encodeOutgoing, type TakenUp } from "./outgoing-value.ts";
import { allHeld, type Holding } from "./resources/worker-resources.ts";
import { taskBytes } from "./task-bytes.ts";
import type { DescriptorOrigin, TaskHost } from "./task-host.ts";
import { type Cancellation, TaskSignals } from "./task-signals.ts";
import { TaskVariables } from "./task-variables.ts";

/** What a body answers. */
export interface Answer {
  readonly payload: Payload;
  /** What it has changed of the context variables, encoded; `undefined`: nothing. */
  readonly variables: Uint8Array | undefined;
}

/** A task on its worker, and the scope of its body. */
export class IncomingTask
  implements Scope, RunningTask, SignalSource, FlowSource, DescriptorOrigin, ValueHolder
{
  readonly session: ServerSession;
  readonly stream: number;
  readonly flags: number;
  /** Values that the worker may send ahead of the consumer; 0 without prefetch. */
  readonly credit: number;
  readonly tag: string | undefined;
  readonly priority: number;
  /** Time for its body alone, in microseconds; 0: no limit. */
  readonly runTimeoutUs: number;
  /** By which its caller's calls are known again; absent: of most tasks. */
  readonly idempotencyKey: string | undefined;
  /** The items of its generator are for whoever shows this; absent: they are its caller's. */
  readonly give: string | undefined;
  /** The stream of the reservation within which it runs; 0: none. */
  readonly reservationStream: number;
  /** Names of the resources that those hold from whom it is called. */
  readonly heldByCallers: readonly string[] | undefined;
  readonly callOptions: CallOptions | undefined;
  /** About the bytes that it takes up until its body has ended, arguments not counted; 0: a local caller's. */
  readonly heldBytes: number;
  readonly memory: PeerMemory | undefined;
  /** What has come with it, or what a subscriber of its execution has put in its place. */
  traceContext: TraceContext | undefined;
  /** Whether somebody follows executions. */
  readonly isFollowed: boolean =
    executionChannel.hasSubscribers ||
    executionStepChannel.hasSubscribers ||
    recording.recorder !== undefined;
  /** In what its code is run, if whoever records executions leaves it out; absent: in nothing. */
  surroundings: Surroundings | undefined;
  /** What is told of its execution; absent before that begins, and unless somebody subscribes: `ExecutionRecord`. */
  record: ExecutionRecord | undefined;
  /** When it has arrived, on the clock of `performance.now()`; 0 if nobody needs to know. */
  readonly arrivedMs: number;
  /** What its body holds: written by `WorkerResources` only. */
  holding: Holding | undefined;
  argumentBytes = 0;
  sentBytes = 0;
  /** Identity of the routine; empty until it has been found. */
  routine = "";
  /** URL of the routine's module, once it has been found. */
  module: string | undefined;
  readonly #host: TaskHost;
  readonly #proxyRef: number;
  /** Absent where there are none: of most tasks. */
  readonly #callers: TaskCallers | undefined;
  readonly #budgetUs: number;
  #id: string | undefined;
  /** Absent until somebody asks for one, or the task is to end. */
  #signals: TaskSignals | undefined;
  /** What of the arguments lives on; absent while there is nothing. */
  #live: LiveArguments | undefined;
  /** Absent until there are some, or somebody asks for them. */
  #variables: TaskVariables | undefined;

  /**
   * @param frame The task's; it is not kept.
   * @throws {@link ProtocolError} if its variables cannot be read.
   */
  constructor(host: TaskHost, session: ServerSession, frame: FrameReader) {
    const { stream, task: head } = frame;
    const variables = session.variablesOf(frame);
    this.#host = host;
    this.session = session;
    this.stream = stream;
    this.flags = head.flags;
    this.credit = head.credit;
    this.tag = head.tag();
    this.priority = head.priority;
    this.runTimeoutUs = head.runTimeoutUs;
    this.idempotencyKey = head.idempotencyKey();
    this.give = head.give();
    this.reservationStream = head.reservation;
    this.heldByCallers = head.held();
    this.memory = session.connection.memory?.peer;
    this.traceContext = head.trace();
    this.heldBytes = this.memory === undefined ? 0 : taskBytes(frame, this.traceContext);
    this.#proxyRef = head.proxyRef;
    if (head.namesCallers || session.peer.verified) this.#callers = new TaskCallers(head, session.peer);
    this.callOptions = head.runtimeContext();
    this.#id = head.id();
    this.#budgetUs = head.budgetUs;
    this.arrivedMs = head.budgetUs > 0 ? performance.now() : this.isFollowed ? host.arrivedMs : 0;
    if (variables !== undefined) this.#variables = new TaskVariables(this, variables);
  }

  get task(): RunningTask {
    return this;
  }

  get peer(): Peer {
    return this.session.peer;
  }

  get references(): References {
    return this.#host.references;
  }

  get branch(): Branch {
    return this.variables.branch;
  }

  /** Marks remote stacks: `origin` of the worker. */
  get stackOrigin(): string {
    return this.#host.origin;
  }

  /** Where calls made by this task go. */
  get dispatcher(): Dispatcher | undefined {
    const { connection } = this.session;
    const descriptor = connection.definition(DefineKind.Proxy, this.#proxyRef)?.value;
    return this.#host.nestedDispatcher(descriptor, this);
  }

  async takeGiven(
    given: GivenStream,
    known: Bindings,
    signal: AbortSignal,
  ): Promise<AsyncIterator<unknown> | undefined> {
    return this.dispatcher?.take?.({ ...given, known, parent: this, module: this.module, signal });
  }

  get local(): boolean {
    const { connection } = this.session;
    const define = connection.definition(DefineKind.Proxy, this.#proxyRef);
    return !isTainted(connection.carrier, define?.tainted === true);
  }

  get poolConnection(): { readonly ended: boolean } | undefined {
    return this.nested ? undefined : this.session.connection;
  }

  get id(): string {
    this.#id ??= this.session.taskId(this.stream);
    return this.#id;
  }

  get caller(): TaskCaller | undefined {
    return this.#callers?.nearest;
  }

  get origin(): readonly string[] | undefined {
    return this.#callers?.origin;
  }

  get deadline(): number | undefined {
    return this.#budgetUs > 0 ? this.arrivedMs + this.#budgetUs / 1000 : undefined;
  }

  get trace(): TraceIds | undefined {
    return this.traceContext === undefined ? undefined : traceIds(this.traceContext);
  }

  get signal(): AbortSignal {
    return this.#ownSignals.signal;
  }

  get draining(): AbortSignal {
    const signals = this.#ownSignals;
    const { draining } = signals;
    if (this.#host.draining) signals.workerDrains();
    return draining;
  }

  get cancelled(): boolean {
    return this.cancellation !== undefined;
  }

  /** Why the task has been cancelled, if it has. */
  get cancellation(): Cancellation | undefined {
    return this.#signals?.cancellation;
  }

  /** Whether the caller is itself a task. */
  get nested(): boolean {
    return (this.flags & TaskFlag.Nested) !== 0;
  }

  /** Its context variables. */
  get variables(): TaskVariables {
    this.#variables ??= new TaskVariables(this, undefined);
    return this.#variables;
  }

  /** What its body has changed of the variables by the time that it fails, as far as that can be sent. */
  changedVariables(): Uint8Array | undefined {
    return this.#variables?.changed({ lenient: true });
  }

  /** To be called before its body is entered. @returns Why it cannot be, as a clause; `undefined` if it can. */
  prepare(): string | undefined {
    return this.#variables?.prepareStores();
  }

  /** Runs a function of its body in its scope. */
  run<A, R>(fn: (argument: A) => R, argument: A): R {
    // The call of its body is the first code that is run, and begins its record.
    if (this.record !== undefined) return this.record.run(() => this.#runInStores(fn, argument));
    if (this.surroundings !== undefined) return this.surroundings.run(() => this.#runInStores(fn, argument));
    return this.#runInStores(fn, argument);
  }

  #runInStores<A, R>(fn: (argument: A) => R, argument: A): R {
    if (this.#variables?.hasStores !== true) return scopeStorage.run(this, fn, argument);
    return this.#variables.runInStores(() => scopeStorage.run(this, fn, argument));
  }

  get held(): readonly string[] {
    return allHeld(this.holding, this.heldByCallers);
  }

  lineage(): readonly LineageEntry[] {
    const self: LineageEntry = { id: this.id, routine: this.routine, tag: this.tag };
    return [self, ...(this.#callers?.tasks ?? [])].slice(0, MAX_CALLERS);
  }

  /** The worker has begun to end. */
  workerDrains(): void {
    this.#signals?.workerDrains();
  }

  attach(child: Abortable): void {
    this.#ownSignals.attach(child);
  }

  detach(child: Abortable): void {
    this.#signals?.detach(child);
  }

  /** Fires the task's signal and ends the calls it is waiting for. The first reason stays. */
  fire(reason: unknown): void {
    this.#ownSignals.fire(reason);
  }

  /** As `fire`, and final: the task is to end with this reason. */
  cancel(reason: unknown): void {
    this.#live?.cancelled(reason);
    this.#ownSignals.cancel(reason);
  }

  /** Whether an error comes from the task's own signal. */
  isAbort(error: unknown): boolean {
    return this.#signals?.isReason(error) === true || (error instanceof Error && error.name === "AbortError");
  }

  /** Decodes a value that has come on the task's stream and is used at once; signals in it are live. */
  decode(payload: Payload, admit?: (size: ValueSize) => void): unknown {
    const source = this.session.connection.carrier;
    return decodeValue(payload, {
      references: this.references,
      source,
      signals: this,
      flows: this,
      module: this.module,
      admit,
    });
  }

  /** As `decode`: its arguments, which count until its body has ended. @throws TaskRefusedError if there is no room. */
  decodeArguments(payload: Payload): unknown[] {
    // Those of a caller on this host are not counted, and its calls make no function for it.
    const admit =
      this.memory === undefined ? undefined : (size: ValueSize) => this.#host.room.holdArguments(this, size);
    const value = this.decode(payload, admit);
    if ((this.flags & TaskFlag.Moved) !== 0) this.session.argumentsTaken(this.stream);
    if (!Array.isArray(value)) throw new PayloadError("The arguments of a task must be an array");
    return value;
  }

  /** As `decode`: what its generator is sent, which counts until it is sent something else. */
  decodeSent(payload: Payload): unknown {
    return this.decode(payload, (size) => this.#host.room.holdSent(this, size));
  }

  /** As `decode`, but an unreadable value becomes an error, which is then the reason. */
  decodeReason(payload: Payload): unknown {
    try {
      return this.decode(payload);
    } catch (error) {
      return error;
    }
  }

  /**
   * Encodes a value that its body has returned or yielded, and changes of variables. What is `unread` is to be read first.
   *
   * @param flows Takes up the iterables and streams in it; absent: they are refused.
   * @throws NotSerializableError, TaskRefusedError or ContextError if it cannot be sent.
   */
  encodeAnswer(value: unknown, flows?: FlowSink): Answer {
    const payload = this.encodeOutgoing(value, "result", { flows, blobs: true });
    const { bytes, start, end, parts, beside, unread } = payload; // the object is the encoder's, for its next use
    if (unread === undefined && this.#variables === undefined) return { payload, variables: undefined };
    const variables = this.#variables?.changed({ lenient: false });
    return { payload: { bytes, start, end, parts, beside, unread }, variables };
  }

  /**
   * Encodes a value that its body sends. The object is the encoder's, for its next use.
   *
   * @param root What it is, as paths in errors begin.
   * @throws NotSerializableError or TaskRefusedError if it cannot be sent.
   */
  encodeOutgoing(value: unknown, root: string, takenUp?: TakenUp): Payload {
    return encodeOutgoing(this, value, root, takenUp);
  }

  /** The signal that stands at this index in the arguments. */
  get(index: number): AbortSignal {
    return this.live.get(index);
  }

  flowOf(kind: number, index: number): unknown {
    return this.live.flowOf(kind, index);
  }

  /** What of its arguments lives on while its body runs. */
  get live(): LiveArguments {
    this.#live ??= new LiveArguments(this);
    return this.#live;
  }

  /** The task is over: nothing of its arguments lives on. */
  over(): void {
    this.#live?.over();
  }

  get #ownSignals(): TaskSignals {
    this.#signals ??= new TaskSignals(this);
    return this.#signals;
  }
}
