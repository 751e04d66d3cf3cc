/**
 * A stream of a running task as somebody else reads it than its caller: answered as by a function whose value is an
 * iterable. It is the owner's end of that one flow, and ends with it.
 */

import { decodeValue } from "../../codec/decode/decoder.ts";
import type { FlowKind } from "../../codec/format.ts";
import type { FlowSink } from "../../codec/references.ts";
import { runInInnerScope } from "../../context/inner-scope.ts";
import type { Bindings } from "../../context/variables/bindings.ts";
import { abortReason } from "../../internal/abort-reason.ts";
import type { EncodeContextOptions } from "../../session/context/encode-context.ts";
import { FlowContext } from "../../session/context/flow-context.ts";
import type { ValueOrigin } from "../../session/context/received-binding.ts";
import type { Deferrable } from "../../session/deferred-work.ts";
import type { FlowLink, FlowsOwner } from "../../session/flows/flow-link.ts";
import { FLOW_BYTES } from "../../session/flows/limits.ts";
import { OwnFlows } from "../../session/flows/own-flows.ts";
import { DEFAULT_LIMITS } from "../../session/limits.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import type { ServerSession } from "../../session/server-session.ts";
import type { ServerStream } from "../../session/server-stream.ts";
import { type FlowHead, isFromOwner } from "../../wire/messages/flow.ts";
import { NO_PAYLOAD, type Payload } from "../../wire/payload.ts";
import { encodeOutgoing, encodeOutgoingError, type Outgoing } from "../outgoing-value.ts";
import { BranchedItems } from "./branched-items.ts";
import type { KeptStream } from "./kept-stream.ts";

const WRONG_END = "a message of a flow from its wrong end";

/** Parts of one. */
export interface TakenStreamOptions extends Omit<Outgoing, "routine"> {
  /** Its number on the connection of whoever takes it. */
  readonly stream: number;
  readonly kept: Pick<KeptStream, "definition" | "items" | "branch">;
}

/** One stream, at the worker that has it. */
export class TakenStream implements ServerStream, FlowSink, FlowsOwner {
  readonly #session: ServerSession;
  readonly #stream: number;
  readonly #flows: OwnFlows;
  /** What it counts for with a taker on the network. */
  #heldBytes: number;
  #isOver = false;

  /** Tells the taker that it has it; nothing of it is read before that asks for an item. */
  constructor({ session, references, stackOrigin, stream, kept }: TakenStreamOptions) {
    this.#session = session;
    this.#stream = stream;
    const { memory } = session.connection;
    this.#heldBytes = memory?.weigh(FLOW_BYTES) ?? 0;
    memory?.add(this.#heldBytes);
    const outgoing: Outgoing = { session, references, stackOrigin, routine: kept.definition.id };
    const { branch } = kept;
    const items = new BranchedItems(kept.items, branch, outgoing.routine);
    const holds = (bytes: number): void => this.#hold(bytes);
    this.#flows = new OwnFlows(new TakenLink(outgoing, stream, { known: branch.bindings, holds }), this);
    const head = runInInnerScope({ branch }, () =>
      encodeOutgoing(outgoing, items, "result", { flows: this }),
    );
    session.result(stream, head, 0);
  }

  addFlow(value: object, kind: FlowKind): number | string {
    return this.#flows.add(value, kind);
  }

  flow(message: ReceivedMessage): void {
    const head = message.flow as FlowHead;
    const problem = isFromOwner(head.act) ? WRONG_END : this.#flows.take(head, message, message.variables);
    if (problem !== undefined) this.#session.broken(this.#stream, problem);
  }

  flowOver(): void {
    if (this.#isOver) return;
    this.#over();
    this.#session.done(this.#stream, NO_PAYLOAD, 0); // an error has gone with the flow
  }

  flowsUnwanted(): void {
    // The task is told by what closes its items.
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#over();
    this.#session.done(this.#stream, NO_PAYLOAD, 0);
    this.#flows.end({ reason: abortReason("The reader wants no more") });
  }

  lost(why: string): void {
    if (this.#isOver) return;
    this.#over();
    this.#flows.end({ reason: abortReason(`The reader is gone: ${why}`) });
  }

  // It has no arguments, no steps, and no signals.

  payload(): void {
    // Empty.
  }

  next(): void {
    this.#unexpected();
  }

  send(): void {
    this.#unexpected();
  }

  throw(): void {
    this.#unexpected();
  }

  return(): void {
    this.#unexpected();
  }

  credit(): void {
    this.#unexpected();
  }

  signalFired(): void {
    this.#unexpected();
  }

  #unexpected(): void {
    this.#session.broken(this.#stream, "a step on a stream that is read by its flow");
  }

  /** Its taker's variables count likewise. */
  #hold(bytes: number): void {
    const { memory } = this.#session.connection;
    if (memory === undefined || bytes === 0 || this.#isOver) return;
    this.#heldBytes += bytes;
    if (bytes > 0) memory.add(bytes);
    else memory.drop(-bytes);
  }

  #over(): void {
    this.#isOver = true;
    this.#session.connection.memory?.drop(this.#heldBytes);
  }
}

/** The context variables of one. */
interface TakenVariables {
  /** With which its source begins. */
  readonly known: Bindings;
  /** As of {@link FlowContext}'s host. */
  readonly holds: (bytes: number) => void;
}

/** The taker's connection, as the flow sees it. */
class TakenLink implements FlowLink {
  readonly #outgoing: Outgoing;
  readonly #stream: number;
  readonly #variables: TakenVariables;

  constructor(outgoing: Outgoing, stream: number, variables: TakenVariables) {
    this.#outgoing = outgoing;
    this.#stream = stream;
    this.#variables = variables;
  }

  get routine(): string {
    return this.#outgoing.routine;
  }

  get ownWindow(): number {
    return this.#outgoing.session.connection.hello.limits.streamWindow;
  }

  get peerWindow(): number {
    return this.#outgoing.session.connection.peer?.limits.streamWindow ?? DEFAULT_LIMITS.streamWindow;
  }

  encode(value: unknown, root: string): Payload {
    return encodeOutgoing(this.#outgoing, value, root);
  }

  encodeThrown(error: unknown): Payload {
    return encodeOutgoingError(this.#outgoing, error);
  }

  send(head: FlowHead, payload: Payload, variables?: Uint8Array): void {
    this.#outgoing.session.flow(this.#stream, head, payload, variables);
  }

  decode(payload: Payload): unknown {
    const { session, references } = this.#outgoing;
    return decodeValue(payload, { references, source: session.connection.carrier });
  }

  defers(work: Deferrable): boolean {
    const { session } = this.#outgoing;
    if (session.defersWork) session.deferred.add(work);
    return session.defersWork;
  }

  givesUp(work: Deferrable): void {
    this.#outgoing.session.deferred.delete(work);
  }

  context(): FlowContext {
    const { session, references, routine } = this.#outgoing;
    const { carrier: source, takesContext } = session.connection;
    const contextOrigin = (): ValueOrigin => ({ references, source, module: undefined, routine });
    const contextOptions = (): EncodeContextOptions | undefined =>
      takesContext ? { references, back: true, fault: "routine" } : undefined;
    const { known, holds } = this.#variables;
    return new FlowContext({ contextOptions, contextOrigin, holds }, () => known);
  }

  holds(): void {
    // As below.
  }

  // It only sends.

  keep(payload: Payload): Payload {
    return payload;
  }

  release(): void {
    // Nothing is kept.
  }

  awaits(): void {
    // A worker lives as long as its connections do.
  }
}
