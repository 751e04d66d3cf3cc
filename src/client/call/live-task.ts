/**
 * What among the arguments of a task lives on while its call runs: abort signals, which are announced when they fire, and
 * iterables, streams and callbacks. Tasks without any have nothing of it.
 */
import { FlowKind } from "../../codec/format.ts";
import type { FlowSink, SignalSink } from "../../codec/references.ts";
import type { CallOptions } from "../../context/dispatcher.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import type { ClientSession } from "../../session/client-session.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import { ArgumentSignals } from "./argument-signals.ts";
import { CallFlows, type FlowOwner, type FlowsContext } from "./call-flows.ts";
import { OutgoingTask } from "./outgoing-task.ts";

/** How a call has failed. */
export interface Failure {
  readonly reason: unknown;
}

/** A task with its arguments. */
export abstract class LiveTask extends OutgoingTask implements SignalSink, FlowSink {
  protected abstract readonly owner: FlowOwner;
  /** Absent when there are none among the arguments, as of most tasks; the flows likewise. */
  #signals: ArgumentSignals | undefined;
  #flows: CallFlows | undefined;

  /** Takes up an abort signal among the arguments. */
  add(signal: AbortSignal): number {
    this.#signals ??= new ArgumentSignals(this.owner.references);
    return this.#signals.add(signal);
  }

  /** Takes up an iterable, a stream or a callback among them. */
  addFlow(value: object, kind: FlowKind, path: string): number | string {
    if (this.only !== undefined && kind !== FlowKind.CALLBACK)
      return "a call that goes to each worker cannot have all of them read it; send its content";
    this.#flows ??= new CallFlows(this.owner, this.definition);
    return this.#flows.add(value, kind, path);
  }

  /** @throws {@link InvalidOptionError} if it may be answered with the answer of another call, and brings what that has not. */
  protected assertOwnAnswer(options: CallOptions | undefined): void {
    if (this.#flows === undefined || options?.idempotencyKey === undefined) return;
    throw new InvalidOptionError("idempotencyKey", {
      value: options.idempotencyKey,
      expected: `none for a call with '${this.#flows.path}': one body only can have an iterable, a stream or a callback`,
    });
  }

  /** Where the first iterable, stream or callback is among the arguments; `undefined` if there is none. */
  get flowPath(): string | undefined {
    return this.#flows?.path;
  }

  /** Something has come for one of the flows. */
  flow(message: ReceivedMessage): void {
    this.#flows?.take(message);
  }

  /** @throws {@link NotSerializableError} if the worker does not take the flows that there are. */
  protected assertFlowsTaken(session: ClientSession): void {
    this.#flows?.assertTaken(session);
  }

  /** Where the iterables and streams in the answer of the worker that has the task become those of the caller. */
  protected answerFlows(
    session: ClientSession,
    stream: number,
    context: FlowsContext | undefined,
  ): CallFlows {
    if (this.#flows === undefined) {
      this.#flows = new CallFlows(this.owner, this.definition);
      this.#flows.attach(session, stream, context);
    }
    return this.#flows;
  }

  /** Whether somebody waits for an item of a stream in its answer. */
  protected get isAnswerAwaited(): boolean {
    return this.#flows?.isAwaited === true;
  }

  /** The task is on its way to a worker. */
  protected liveOn(session: ClientSession, stream: number, context: FlowsContext | undefined): void {
    this.#signals?.forward(session, stream);
    this.#flows?.attach(session, stream, context);
  }

  /** It has come back, and has not been started. */
  protected liveOff(): void {
    this.#signals?.drop();
    this.#flows?.detach();
  }

  /** Its call has settled. @param failure With what, if not with a value. */
  protected endLive(failure: Failure | undefined): void {
    this.#signals?.drop();
    this.#flows?.end(failure);
  }

  /** Another call is made in its place, which has the flows. */
  protected forgetFlows(): void {
    this.#flows = undefined;
  }
}
