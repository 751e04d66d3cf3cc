/**
 * One attempt of a call that may have several: a call of its own for workers, queues and members, whose answer goes to
 * the call that it belongs to. Its arguments and context variables are those that the first attempt has encoded. What a
 * body has changed of the variables comes back only with the answer that counts.
 */
import { discard } from "../../codec/beside/attachments.ts";
import { encodeThrown } from "../../codec/encode/encoder.ts";
import type { FlowSink, SignalSink } from "../../codec/references.ts";
import { NotSerializableError } from "../../errors/not-serializable-error.ts";
import { TimeoutError } from "../../errors/timeout-error.ts";
import { deadlines } from "../../internal/time/deadline-queue.ts";
import type { ValueOrigin } from "../../session/context/received-binding.ts";
import { besideOf } from "../../session/messages/enclosing.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import type { Payload } from "../../wire/payload.ts";
import type { CallOwner } from "../call/call.ts";
import type { CallContext } from "../call/call-context.ts";
import { encodeCall, encodingOf } from "../call/outgoing-task.ts";
import type { PlacedRequest } from "../call/placed-request.ts";
import { SingleAnswerCall } from "../call/single-answer-call.ts";
import type { Member } from "../members/member.ts";
import type { AttemptRecord } from "./attempt-record.ts";

const STREAMED =
  "it is or holds an iterable or a stream, which a call that may run several times cannot answer with; call it with { retry: false, hedge: false }, or declare the routine without idempotent";

/** The call that an attempt belongs to. */
export interface AttemptOwner extends CallOwner {
  /** The `timeout` of the whole call, or what its task had left, in milliseconds. */
  readonly budgetMs: number;
  /** It has been written to a worker. */
  attemptSent(attempt: Attempt): void;
  /** Its worker has answered with a value. */
  attemptReturned(attempt: Attempt, value: unknown): void;
  /** Its body has thrown. If that is the answer, its variables are to be taken over first. */
  attemptThrew(attempt: Attempt, error: unknown): void;
}

/** What makes an attempt of a call. */
export interface AttemptRequest extends PlacedRequest {
  /** The first one; absent for that itself. */
  readonly first: Attempt | undefined;
  /** The abort signals among the arguments, in their order: filled in by the first attempt. */
  readonly signals: AbortSignal[];
  /** As {@link Call}'s. */
  readonly context: CallContext | undefined;
  /** Which it is, counting from 1. */
  readonly number: number;
  /** Whether it is made while another one is under way. */
  readonly isHedge: boolean;
}

/** An attempt under way. */
export class Attempt extends SingleAnswerCall<AttemptOwner> {
  readonly isHedge: boolean;
  /** When it was last sent, in milliseconds on the clock of {@link deadlines}; 0 before. */
  sentMs = 0;
  /** Where it was last sent to. */
  #sentTo: Member | undefined;
  /** What is told of it; absent where nothing is told of its call. */
  told: AttemptRecord | undefined;
  /** Which it is, counting from 1. */
  readonly number: number;
  /** What its body has changed of the variables, in the answer that is being read. */
  #changes: { readonly variables: Uint8Array; readonly origin: ValueOrigin } | undefined;

  /** @throws If an argument, or a variable, cannot travel: at the first attempt. */
  constructor(owner: AttemptOwner, request: AttemptRequest) {
    super(owner, request, 0, request.context);
    const { first } = request;
    this.number = request.number;
    this.isHedge = request.isHedge;
    if (first !== undefined) {
      this.context = first.context;
      this.variables = first.variables;
      for (const signal of request.signals) this.add(signal);
      return;
    }
    try {
      this.variables = this.context?.first();
    } catch (error) {
      this.dismiss();
      throw error;
    }
  }

  /** Why there is nothing to send a second time, as words behind "a call"; `undefined` if there is. */
  get onceOnly(): string | undefined {
    const { flowPath, payload } = this;
    const movedPath = besideOf(payload)?.movedPath;
    if (movedPath !== undefined) return `that gives '${movedPath}' away: what is moved can be sent once only`;
    return flowPath === undefined
      ? undefined
      : `with '${flowPath}': one body only can have an iterable, a stream or a callback`;
  }

  /** It is not made after all: nothing of it has been sent. */
  drop(): void {
    this.forgetFlows();
    this.settle();
    this.dismiss();
  }

  override sent(member: Member, stream: number): void {
    super.sent(member, stream);
    this.sentMs = deadlines.now();
    this.#sentTo = member;
    this.told?.sent(member);
    this.owner.attemptSent(this);
  }

  /** The time of the whole is told as the call has it, and not as what was left of it for this attempt. */
  override expired(limitMs: number, option: "timeout" | "dispatchTimeout" | "runTimeout"): void {
    const timeout = option === "timeout" ? this.owner.budgetMs : limitMs;
    const error = new TimeoutError(this.definition.id, { phase: this.phase, timeout, option });
    if (option !== "timeout") ownLimits.add(error);
    this.abort(error);
  }

  /** Its outcome is that of its call. */
  decides(): void {
    if (this.#sentTo !== undefined) this.record?.decidedBy(this.#sentTo, this.stream);
  }

  /** Takes over what its body has changed of the variables, since its answer is that of the call. */
  takeVariables(): void {
    if (this.#changes !== undefined) super.merge(this.#changes.variables, this.#changes.origin);
    this.#changes = undefined;
  }

  /** The body has answered with a stream: of several answers one only would be read, and none can be sent again. */
  result(message: ReceivedMessage): void {
    this.responded(message.bodyUs);
    discard(message.attachments);
    if (this.settled) return;
    const error = new NotSerializableError("result", STREAMED, { fault: "routine" });
    const { references } = this.owner;
    this.member?.session?.cancel(this.stream, encodeThrown(error, { root: "reason", references }));
    this.threw(error);
  }

  protected override answerOf(message: ReceivedMessage): unknown {
    const value = this.decode(message);
    this.takeVariables();
    return value;
  }

  protected returned(value: unknown): void {
    this.owner.attemptReturned(this, value);
  }

  protected threw(error: unknown): void {
    this.settle();
    this.owner.attemptThrew(this, error);
  }

  /** Not before the answer is known to count. */
  protected override merge(variables: Uint8Array, origin: ValueOrigin): void {
    this.#changes = { variables, origin };
  }

  protected override encode(request: AttemptRequest): Payload {
    const { first, signals } = request;
    if (first !== undefined) return first.payload;
    const sink: SignalSink & FlowSink = {
      add: (signal) => {
        signals.push(signal);
        return this.add(signal);
      },
      addFlow: (value, kind, path) => this.addFlow(value, kind, path),
    };
    return encodeCall(request, encodingOf(request, this.owner, sink));
  }

  /** Its owner is told in any case. */
  protected reject(): void {}
}

/** Timeouts that have ended one attempt, and not the call. */
const ownLimits = new WeakSet<TimeoutError>();

/** Whether an attempt has ended for a limit of its own, while the call has time left. */
export function isOwnLimit(reason: unknown): boolean {
  return reason instanceof TimeoutError && ownLimits.has(reason);
}
