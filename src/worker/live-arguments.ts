/**
 * What among the arguments of one task lives on while its body runs: abort signals, and iterables, streams and callbacks,
 * each by its number; and the iterables and streams in its answer. When the task is over nothing of it does.
 */
import { decodeValue } from "../codec/decode/decoder.ts";
import { FlowKind } from "../codec/format.ts";
import type { FlowSource, References, SignalSource } from "../codec/references.ts";
import type { Bindings } from "../context/variables/bindings.ts";
import { CallEndedError } from "../errors/call-ended-error.ts";
import type { EncodeContextOptions } from "../session/context/encode-context.ts";
import { FlowContext, type FlowContextHost } from "../session/context/flow-context.ts";
import type { ValueOrigin } from "../session/context/received-binding.ts";
import type { Deferrable } from "../session/deferred-work.ts";
import type { FlowLink, FlowsOwner } from "../session/flows/flow-link.ts";
import type { GivenStream } from "../session/flows/hand-over.ts";
import { FLOW_BYTES } from "../session/flows/limits.ts";
import { OwnFlows } from "../session/flows/own-flows.ts";
import { ReceivedFlows } from "../session/flows/received-flows.ts";
import { DEFAULT_LIMITS } from "../session/limits.ts";
import type { ReceivedMessage } from "../session/messages/received-message.ts";
import type { ServerSession } from "../session/server-session.ts";
import { FlowAct, type FlowHead, isFromOwner } from "../wire/messages/flow.ts";
import { type Payload, payloadSize } from "../wire/payload.ts";
import { ArgumentSignals } from "./argument-signals.ts";
import { encodeOutgoingError } from "./outgoing-value.ts";
import type { TaskVariables } from "./task-variables.ts";

/** What a body that runs on writes is sent at least so often, in milliseconds. */
const FLUSH_MS = 1;

const NO_FLOWS = "a message for an iterable, a stream or a callback, of which there is none";

/** A task as what its arguments keep alive sees it. */
export interface LiveTask {
  readonly session: ServerSession;
  readonly stream: number;
  readonly routine: string;
  readonly references: References;
  readonly variables: TaskVariables;
  /** URL of the routine's module. */
  readonly module: string | undefined;
  /** Marks remote stacks. */
  readonly stackOrigin: string;
  /** Takes a stream that another worker has for it; see `Dispatcher.take`. */
  takeGiven(
    given: GivenStream,
    known: Bindings,
    signal: AbortSignal,
  ): Promise<AsyncIterator<unknown> | undefined>;
  run<A, R>(fn: (argument: A) => R, argument: A): R;
  decodeReason(payload: Payload): unknown;
  /** As `decode`: what its body takes, which counts until it takes something else. */
  decodeSent(payload: Payload): unknown;
  encodeOutgoing(value: unknown, root: string): Payload;
}

/** Of one task. */
export class LiveArguments implements SignalSource, FlowSource, FlowLink, FlowContextHost {
  readonly #task: LiveTask;
  /** Absent until there is one; the flows likewise. */
  #signals: ArgumentSignals | undefined;
  #flows: ReceivedFlows | undefined;
  /** Those of the answer. */
  #answer: OwnFlows | undefined;
  #flowBytes = 0;
  #isOver = false;
  /** The same for all that comes. */
  #decodeOptions: ValueOrigin | undefined;

  constructor(task: LiveTask) {
    this.#task = task;
  }

  /** The signal that stands at this index in the arguments. */
  get(index: number): AbortSignal {
    return this.#signalsByIndex.get(index);
  }

  /** One of the signals has fired on the caller's side. @returns False for one more than a task may have. */
  signalFired(index: number, message: ReceivedMessage): boolean {
    const controller = this.#signalsByIndex.announced(index, payloadSize(message));
    if (controller?.signal.aborted === false) {
      const reason = this.#task.decodeReason(message);
      this.#task.run(() => controller.abort(reason), undefined); // its listeners are code of the task
    }
    return controller !== undefined;
  }

  flowOf(kind: number, index: number): unknown {
    const { connection } = this.#task.session;
    if (!connection.takesFlows)
      return "it holds an iterable, a stream or a callback, which its sender does not know";
    this.#flows ??= new ReceivedFlows(this);
    const before = this.#flows.size;
    const flow = this.#flows.flowOf(kind, index);
    const { memory } = connection;
    if (memory !== undefined && this.#flows.size > before) {
      const bytes = memory.weigh(FLOW_BYTES);
      this.#flowBytes += bytes;
      memory.add(bytes);
    }
    return flow;
  }

  /**
   * Takes up an iterable or a stream in the answer.
   *
   * @returns Its number, or why it cannot be there, as a clause.
   */
  addAnswer(value: object, kind: FlowKind, owner: FlowsOwner): number | string {
    if (kind !== FlowKind.ITERABLE && kind !== FlowKind.READABLE)
      return "a callback or a stream to write to travels only among the arguments of a call";
    this.#answer ??= new OwnFlows(this, owner);
    return this.#answer.add(value, kind);
  }

  /** How many of them there are. */
  get answerSize(): number {
    return this.#answer?.size ?? 0;
  }

  /** Nobody reads those of the answer any more. */
  endAnswer(reason: unknown): void {
    this.#answer?.end({ reason });
  }

  /** Something has come for one of the flows. */
  takeFlow(message: ReceivedMessage): void {
    const { session, stream } = this.#task;
    const head = message.flow as FlowHead;
    const flows = isFromOwner(head.act) ? this.#flows : this.#answer;
    const problem = flows === undefined ? NO_FLOWS : flows.take(head, message, message.variables);
    if (problem !== undefined) session.broken(stream, problem);
  }

  /** The task has been cancelled: nothing comes any more. */
  cancelled(reason: unknown): void {
    this.#flows?.end(() => reason);
  }

  /** The task is over: nobody announces a signal any more, and nothing comes. */
  over(): void {
    this.#signals?.over();
    this.#signals = undefined;
    this.#flows?.end((what) => new CallEndedError(this.#task.routine, what));
    this.endAnswer(new CallEndedError(this.#task.routine, "read the iterable"));
    this.#task.session.connection.memory?.drop(this.#flowBytes);
    this.#flowBytes = 0;
    this.#isOver = true;
  }

  // The stream, as the flows see it.

  get routine(): string {
    return this.#task.routine;
  }

  get ownWindow(): number {
    return this.#task.session.connection.hello.limits.streamWindow;
  }

  get peerWindow(): number {
    return this.#task.session.connection.peer?.limits.streamWindow ?? DEFAULT_LIMITS.streamWindow;
  }

  encode(value: unknown, root: string): Payload {
    return this.#task.encodeOutgoing(value, root);
  }

  encodeThrown(error: unknown): Payload {
    return encodeOutgoingError(this.#task, error);
  }

  send(head: FlowHead, payload: Payload, variables?: Uint8Array): void {
    const { session, stream } = this.#task;
    session.flow(stream, head, payload, variables);
    // A body that occupies the thread for long is not what its caller should wait for. One that asks for items waits itself.
    const { connection } = session;
    if (head.act === FlowAct.Pull || performance.now() - connection.flushedMs < FLUSH_MS) return;
    connection.flush();
  }

  decode(payload: Payload): unknown {
    const { memory } = this.#task.session.connection;
    if (memory !== undefined) return this.#task.decodeSent(payload);
    this.#decodeOptions ??= this.contextOrigin();
    return decodeValue(payload, this.#decodeOptions);
  }

  context(owns: boolean): FlowContext {
    const task = this.#task;
    return new FlowContext(this, () => (owns ? task.variables.told() : task.variables.begun()));
  }

  contextOptions(): EncodeContextOptions | undefined {
    const { session, references } = this.#task;
    return session.connection.takesContext ? { references, back: true, fault: "routine" } : undefined;
  }

  contextOrigin(): ValueOrigin {
    const { session, references, module, routine } = this.#task;
    return { references, source: session.connection.carrier, module, routine };
  }

  holds(bytes: number): void {
    const { memory } = this.#task.session.connection;
    if (memory === undefined || bytes === 0 || this.#isOver) return;
    this.#flowBytes += bytes;
    if (bytes > 0) memory.add(bytes);
    else memory.drop(-bytes);
  }

  keep(payload: Payload): Payload {
    return this.#task.session.kept((payload as ReceivedMessage).keep());
  }

  release(payload: Payload): void {
    this.#task.session.released(payload, { partsToo: false });
  }

  takeGiven(
    given: GivenStream,
    known: Bindings,
    signal: AbortSignal,
  ): Promise<AsyncIterator<unknown> | undefined> {
    return this.#task.takeGiven(given, known, signal);
  }

  defers(work: Deferrable): boolean {
    const { session } = this.#task;
    if (session.defersWork) session.deferred.add(work);
    return session.defersWork;
  }

  givesUp(work: Deferrable): void {
    this.#task.session.deferred.delete(work);
  }

  awaits(): void {
    // A worker lives as long as its connections do.
  }

  get #signalsByIndex(): ArgumentSignals {
    this.#signals ??= new ArgumentSignals(this.#task.session.connection.memory);
    return this.#signals;
  }
}
