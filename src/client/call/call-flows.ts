/**
 * The iterables, streams and callbacks among the arguments of one call, and the iterables and streams in its answer: how
 * both ends reach each other. They are the call's, and over when that is.
 */
import { decodeValue } from "../../codec/decode/decoder.ts";
import { encodeThrown, encodeValue } from "../../codec/encode/encoder.ts";
import type { EncodeOptions } from "../../codec/encode/encoding.ts";
import { FlowKind } from "../../codec/format.ts";
import type { FlowSource, References } from "../../codec/references.ts";
import { type Bindings, NO_BINDINGS } from "../../context/variables/bindings.ts";
import { CallEndedError } from "../../errors/call-ended-error.ts";
import { NotSerializableError } from "../../errors/not-serializable-error.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import { NETWORK } from "../../identity/taint.ts";
import { keepAlive, letExit } from "../../internal/keep-alive.ts";
import type { ClientSession } from "../../session/client-session.ts";
import type { EncodeContextOptions } from "../../session/context/encode-context.ts";
import { FlowContext, type FlowContextHost } from "../../session/context/flow-context.ts";
import type { ValueOrigin } from "../../session/context/received-binding.ts";
import type { Deferrable } from "../../session/deferred-work.ts";
import type { FlowLink } from "../../session/flows/flow-link.ts";
import { OwnFlows } from "../../session/flows/own-flows.ts";
import { ReceivedFlows } from "../../session/flows/received-flows.ts";
import { DEFAULT_LIMITS } from "../../session/limits.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import { type FlowHead, isFromOwner } from "../../wire/messages/flow.ts";
import type { Payload } from "../../wire/payload.ts";

/** The variables of a call, as its flows see them. */
export interface FlowsContext {
  /** What the worker knew when its body began. */
  readonly begun: Bindings;
  /** What it knows now. */
  readonly told: Bindings;
  /** Of a call that is part of a task: the routine of that. What a body's changes of do not come back stays with it then. */
  readonly within?: string;
}

const NO_STREAM = "a message for a stream of an answer, in which there is none";

/** What a call knows for them. */
export interface FlowOwner {
  readonly references: References;
  readonly hasThreads: boolean;
}

/** Of one call. */
export class CallFlows implements FlowLink, FlowSource, FlowContextHost {
  readonly routine: string;
  /** Where the first of them is among the arguments. */
  path = "";
  readonly #owner: FlowOwner;
  readonly #module: string | undefined;
  readonly #arguments = new OwnFlows(this);
  /** Absent until there is one. */
  #answer: ReceivedFlows | undefined;
  #session: ClientSession | undefined;
  #stream = 0;
  #context: FlowsContext | undefined;
  #isOver = false;
  /** Of how many in the answer somebody waits for an item. */
  #awaited = 0;
  /** Those of the last item: mostly the same for all. */
  #encodeOptions: EncodeOptions | undefined;
  #decodeOptions: ValueOrigin | undefined;

  constructor(owner: FlowOwner, { id, module }: RoutineDefinition) {
    this.#owner = owner;
    this.routine = id;
    this.#module = module;
  }

  /** As {@link OwnFlows.add}. */
  add(value: object, kind: FlowKind, path: string): number | string {
    if (this.path === "") this.path = path;
    return this.#arguments.add(value, kind);
  }

  /** Whether somebody waits for an item of one in the answer. */
  get isAwaited(): boolean {
    return this.#awaited > 0;
  }

  /** Whether there are any in the answer. */
  get inAnswer(): boolean {
    return this.#answer !== undefined;
  }

  /** The end of one in the answer. */
  flowOf(kind: number, index: number): unknown {
    if (kind !== FlowKind.ITERABLE && kind !== FlowKind.READABLE)
      return "it holds what a caller cannot be given: only iterables and streams that are read may be in an answer";
    this.#answer ??= new ReceivedFlows(this);
    return this.#answer.flowOf(kind, index);
  }

  /** @throws {@link NotSerializableError} if the worker would not know what to do with them. */
  assertTaken(session: ClientSession): void {
    if (session.connection.takesFlows) return;
    throw new NotSerializableError(
      this.path,
      "it is an iterable, a stream or a callback, and this worker, which runs an earlier version, takes none; update it, or send the content",
    );
  }

  /** The call has been sent. @param context Its variables, if there are any. */
  attach(session: ClientSession, stream: number, context: FlowsContext | undefined): void {
    this.#session = session;
    this.#decodeOptions = undefined;
    this.#stream = stream;
    this.#context = context;
  }

  /** It has come back, and has not been started. */
  detach(): void {
    this.#session = undefined;
    this.#decodeOptions = undefined;
  }

  /** Something has come for one of them. */
  take(message: ReceivedMessage): void {
    if (this.#isOver) return; // it has crossed the end
    const head = message.flow as FlowHead;
    const flows = isFromOwner(head.act) ? this.#answer : this.#arguments;
    const problem = flows === undefined ? NO_STREAM : flows.take(head, message, message.variables);
    if (problem !== undefined) this.#session?.broken(this.#stream, problem);
  }

  /** The call has settled. @param failure With what, if not with a value. */
  end(failure: { readonly reason: unknown } | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#arguments.end(failure);
    this.#answer?.endOpen((what) =>
      failure === undefined ? new CallEndedError(this.routine, what) : failure.reason,
    );
  }

  givesTo(dispatcher: object): string | undefined {
    const { connection } = this.#session ?? {};
    return dispatcher === this.#owner && connection?.takesHandOver === true
      ? connection.peer?.uid
      : undefined;
  }

  get handsOver(): object | undefined {
    return this.#session?.connection.takesHandOver === true ? this.#owner : undefined;
  }

  get ownWindow(): number {
    return this.#session?.connection.hello.limits.streamWindow ?? DEFAULT_LIMITS.streamWindow;
  }

  get peerWindow(): number {
    return this.#session?.connection.peer?.limits.streamWindow ?? DEFAULT_LIMITS.streamWindow;
  }

  encode(value: unknown, root: string): Payload {
    if (root !== this.#encodeOptions?.root) this.#encodeOptions = this.#options(root);
    return encodeValue(value, this.#encodeOptions);
  }

  encodeThrown(error: unknown): Payload {
    const { connection } = this.#session ?? {};
    const options = {
      ...this.#options("error"),
      refuseTainted: connection?.takesTainted !== true,
      platform: connection?.takesPlatform === true,
    };
    const payload = encodeThrown(error, options);
    if (connection?.excess(payload) === undefined) return payload;
    return encodeThrown(new Error("The error is larger than the worker accepts"), options);
  }

  send(head: FlowHead, payload: Payload, variables?: Uint8Array): void {
    this.#session?.flow(this.#stream, head, payload, variables);
  }

  context(owns: boolean): FlowContext {
    return new FlowContext(this, () => {
      const context = this.#context;
      return (owns ? context?.begun : context?.told) ?? NO_BINDINGS;
    });
  }

  contextOptions(): EncodeContextOptions | undefined {
    const takes = this.#session?.connection.takesContext === true;
    const back = this.#context?.within !== undefined;
    return takes ? { references: this.#owner.references, back } : undefined;
  }

  contextOrigin(): ValueOrigin {
    const source = this.#session?.connection.carrier ?? NETWORK;
    return {
      references: this.#owner.references,
      source,
      module: this.#module,
      routine: this.#context?.within ?? this.routine,
    };
  }

  decode(payload: Payload): unknown {
    this.#decodeOptions ??= this.contextOrigin();
    return decodeValue(payload, this.#decodeOptions);
  }

  keep(payload: Payload): Payload {
    return (payload as ReceivedMessage).keep();
  }

  holds(): void {
    // What workers send is not counted here.
  }

  release(payload: Payload): void {
    this.#session?.connection.release(payload);
    payload.release?.();
  }

  defers(work: Deferrable): boolean {
    if (this.#session?.connection.congested !== true) return false;
    this.#session.deferred.add(work);
    return true;
  }

  givesUp(work: Deferrable): void {
    this.#session?.deferred.delete(work);
  }

  awaits(isAwaited: boolean): void {
    this.#awaited += isAwaited ? 1 : -1;
    if (isAwaited) keepAlive();
    else letExit();
  }

  #options(root: string): EncodeOptions {
    const { references, hasThreads: attaches } = this.#owner;
    return { root, references, textUnits: true, platform: true, moves: true, attaches };
  }
}
