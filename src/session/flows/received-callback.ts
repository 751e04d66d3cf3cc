/**
 * The caller's end of a callback: sends its calls in the order in which they are made, and settles each when its answer
 * comes. Of calls that nobody waits for, only some are under way; the others wait here, in bytes.
 */
import { markCallback } from "../../codec/beside/callback.ts";
import { FlowKind } from "../../codec/format.ts";
import { currentScope, hasContext } from "../../context/scope.ts";
import { currentBranch } from "../../context/variables/current-branch.ts";
import { QueueFullError } from "../../errors/queue-full-error.ts";
import { ArrayQueue } from "../../internal/array-queue.ts";
import { createDeferred, type Deferred } from "../../internal/deferred.ts";
import { presentTrace } from "../../telemetry/recorder.ts";
import type { TraceContext } from "../../telemetry/trace-context.ts";
import { FlowAct, type FlowHead } from "../../wire/messages/flow.ts";
import { type Payload, payloadSize } from "../../wire/payload.ts";
import type { FlowContext } from "../context/flow-context.ts";
import type { FlowLink } from "./flow-link.ts";
import { MAX_CALLS_UNDER_WAY, MAX_CALLS_WAITING } from "./limits.ts";
import { quietRejection, rejectQuietly } from "./quiet.ts";
import type { ReceivedFlow } from "./received-flow.ts";
import { type RemoteSink, writableOf } from "./written-ahead.ts";

/** A call, which may have to wait for others to be answered. */
interface WaitingCall {
  readonly number: number;
  readonly payload: Payload;
  readonly variables: Uint8Array | undefined;
  readonly trace: TraceContext | undefined;
}

const CALL = "call the callback";

/** A function that runs at the other end of a call. */
export class ReceivedCallback implements ReceivedFlow, RemoteSink {
  readonly kind: number;
  readonly #index: number;
  readonly #link: FlowLink;
  readonly #value: unknown;
  readonly #context: FlowContext;
  readonly #underWay = new Map<number, Deferred<unknown>>();
  readonly #waiting = new ArrayQueue<WaitingCall>();
  #sent = 0;
  /** The numbers of the last call that was sent, and of the last that was made here. */
  #lastSent = 0;
  #number = 0;
  #makeError: ((what: string) => unknown) | undefined;

  constructor(index: number, kind: number, link: FlowLink) {
    this.kind = kind;
    this.#index = index;
    this.#link = link;
    this.#context = link.context(false);
    const call = (...parameters: unknown[]): Promise<unknown> => this.call(parameters);
    this.#value = kind === FlowKind.WRITABLE ? writableOf(this) : markCallback(call, call);
  }

  get value(): unknown {
    return this.#value;
  }

  get hasEnded(): boolean {
    return this.#makeError !== undefined;
  }

  get windowBytes(): number {
    return this.#link.peerWindow;
  }

  /**
   * Calls the function.
   *
   * @param sent Told how long the call is, if it can be sent.
   */
  call(parameters: readonly unknown[], sent?: (sizeBytes: number) => void): Promise<unknown> {
    if (this.#makeError !== undefined) return quietRejection(this.#makeError(CALL));
    if (this.#waiting.size >= MAX_CALLS_WAITING)
      return quietRejection(new QueueFullError(this.#link.routine, MAX_CALLS_WAITING));
    const number = this.#number + 1;
    let variables: Uint8Array | undefined;
    try {
      if (hasContext()) variables = this.#context.tell(currentBranch(), { lenient: false });
      const payload = this.#link.encode(parameters, "args");
      const sizeBytes = payloadSize(payload); // before it is sent: the encoder may use the object again
      const trace = presentTrace(currentScope()?.traceContext);
      if (this.#sent < MAX_CALLS_UNDER_WAY) this.#send({ number, payload, variables, trace });
      else this.#waiting.push({ number, payload: copyOf(payload), variables, trace });
      sent?.(sizeBytes);
    } catch (error) {
      if (variables !== undefined) this.#context.untell();
      return quietRejection(error);
    }
    this.#number = number;
    const answer = createDeferred<unknown>();
    this.#underWay.set(number, answer);
    return answer.promise;
  }

  take({ act, number }: FlowHead, payload: Payload): string | undefined {
    if (act !== FlowAct.Item && act !== FlowAct.Error) return "a message of a flow from its wrong end";
    // One that waits here has not been made either.
    const answer = number <= this.#lastSent ? this.#underWay.get(number) : undefined;
    if (answer === undefined) return "an answer to a call of a callback that was not made";
    this.#underWay.delete(number);
    this.#sent -= 1;
    this.#sendWaiting();
    let value: unknown;
    try {
      value = payload.start === payload.end ? undefined : this.#link.decode(payload);
    } catch (error) {
      rejectQuietly(answer, error);
      return undefined;
    }
    if (act === FlowAct.Item) answer.resolve(value);
    else rejectQuietly(answer, value);
    return undefined;
  }

  end(makeError: (what: string) => unknown): void {
    this.#makeError = makeError;
    this.#waiting.clear();
    for (const answer of this.#underWay.values()) rejectQuietly(answer, makeError(CALL));
    this.#underWay.clear();
  }

  #sendWaiting(): void {
    while (this.#sent < MAX_CALLS_UNDER_WAY) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) return;
      this.#send(waiting);
    }
  }

  #send({ number, payload, variables, trace }: WaitingCall): void {
    this.#link.send({ index: this.#index, act: FlowAct.Call, number, taken: 0, trace }, payload, variables);
    this.#sent += 1;
    this.#lastSent = number;
  }
}

function copyOf(payload: Payload): Payload {
  const { bytes, start, end, parts, beside } = payload;
  const copy = new Uint8Array(bytes.subarray(start, end));
  return { bytes: copy, start: 0, end: copy.length, parts, beside };
}
