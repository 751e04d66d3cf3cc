/** The port between a flow and the stream of its call: how an end of it reaches the other. Types only. */
import type { Bindings } from "../../context/variables/bindings.ts";
import type { Branch } from "../../context/variables/branch.ts";
import type { TraceContext } from "../../telemetry/trace-context.ts";
import type { FlowHead } from "../../wire/messages/flow.ts";
import type { Payload } from "../../wire/payload.ts";
import type { FlowContext } from "../context/flow-context.ts";
import type { Deferrable } from "../deferred-work.ts";
import type { GivenStream } from "./hand-over.ts";

/** A stream as one end of a flow sees it. */
export interface FlowLink {
  /** Identity of the routine that is called. */
  readonly routine: string;
  /** How many bytes of items may be on their way to the peer, beside one item of any size: what that has announced. */
  readonly peerWindow: number;
  /** How many may be on their way to this end, likewise. */
  readonly ownWindow: number;
  /**
   * Encodes a value. What it returns is to be sent, or copied, at once.
   *
   * @param root What it is, as paths in errors begin.
   * @throws NotSerializableError or TaskRefusedError if it cannot be sent to this peer.
   */
  encode(value: unknown, root: string): Payload;
  /** Encodes an error, as far as it can be sent. */
  encodeThrown(error: unknown): Payload;
  /**
   * Sends a message; does nothing once the stream has ended.
   *
   * @param variables Changes of context variables that go with it, encoded. Absent: none.
   */
  send(head: FlowHead, payload: Payload, variables?: Uint8Array): void;
  /** The context variables of one flow. @param owns Whether its source or its function is at this end. */
  context(owns: boolean): FlowContext;
  /**
   * Decodes a value that has come.
   *
   * @throws PayloadError or TaskRefusedError if it cannot be read here.
   */
  decode(payload: Payload): unknown;
  /** Keeps what has come, until it is decoded or given up. */
  keep(payload: Payload): Payload;
  /** It is kept no longer. */
  release(payload: Payload): void;
  /** Of a reader: the uid of its owner, if that gives its streams to workers of this dispatcher. Absent: it gives none. */
  givesTo?(dispatcher: object): string | undefined;
  /** So many more bytes are kept beside that; fewer, where negative. */
  holds(bytes: number): void;
  /** Of an owner: the dispatcher whose streams its peer may take from their workers. Absent: it takes none. */
  readonly handsOver?: object | undefined;
  /**
   * Of a reader: takes the items from the worker that has them.
   *
   * @param known The context variables with which the source begins there, as the reader has them.
   * @param signal Ends the taking, and what has come of it.
   * @returns `undefined` if they are not to be had there, and provably nobody has been asked for one. Absent: nobody is reached from here.
   * @throws If that is not known.
   */
  takeGiven?(
    given: GivenStream,
    known: Bindings,
    signal: AbortSignal,
  ): Promise<AsyncIterator<unknown> | undefined>;
  /**
   * The peer takes so little just now that more would only fill memory.
   *
   * @param work To go on when the peer takes more, or to be given up with {@link givesUp}.
   * @returns False, and nothing is deferred, if it takes enough.
   */
  defers(work: Deferrable): boolean;
  /** What was deferred need not go on. */
  givesUp(work: Deferrable): void;
  /** Somebody has begun to wait for an item of one of the flows, or does not any more. */
  awaits(isAwaited: boolean): void;
}

/** What a callback is told of the code that calls it. */
export interface CallerContext {
  /** What it has changed of the context variables, encoded. */
  readonly variables: Uint8Array | undefined;
  readonly trace: TraceContext | undefined;
}

/** The end of a flow that owns what the flow is about. */
export interface OwnFlow {
  /** The peer may still read or use it, and nothing has gone wrong with it. */
  readonly isOpen: boolean;
  /**
   * The peer takes so many more items, and has taken so many.
   *
   * @param variables What it has changed of the context variables, encoded.
   * @returns What of the rules is broken; usually nothing.
   */
  pull(items: number, taken: number, variables: Uint8Array | undefined): string | undefined;
  /** The peer wants no more. @returns Whether that comes while an item is awaited of the source. */
  stop(reason: unknown): boolean;
  /** The peer has not found its items elsewhere. Absent: it is not told so. @returns As {@link OwnFlow.pull}. */
  here?(): string | undefined;
  /**
   * The peer gives it to whoever shows the token. Absent: it cannot.
   *
   * @param variables As of {@link OwnFlow.pull}.
   * @returns As {@link OwnFlow.pull}.
   */
  give?(token: string, variables: Uint8Array | undefined): string | undefined;
  /** The peer calls it. @returns As {@link OwnFlow.pull}. */
  call(number: number, parameters: readonly unknown[], context: CallerContext): string | undefined;
  /** The call has ended. @param failure Why, if not well. */
  end(failure: { readonly reason: unknown } | undefined): void;
}

/** Whoever waits for flows of this end to be over. Absent where the call ends by itself, and they with it. */
export interface FlowsOwner {
  /** The source of one has ended, or has been closed and has come to the end of that. @param failure Its error, if it failed. */
  flowOver(failure: { readonly reason: unknown } | undefined): void;
  /** The peer wants nothing more of any of them, and an item is being awaited in vain. */
  flowsUnwanted(): void;
  /**
   * Keeps the items of one for whoever shows the token. Absent: nobody is given any.
   *
   * @param branch The one that its source runs in.
   * @returns Whether it does.
   */
  keepStream?(token: string, items: AsyncIterable<unknown>, branch: Branch): boolean;
  /** They are not kept any longer. */
  dropStream?(token: string): void;
}
