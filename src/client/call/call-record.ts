/**
 * What the channels of `merino:call` tell of one call. It exists only if somebody subscribes when the call is made; the
 * call and its dispatcher tell it what happens, and it decides nothing.
 */
import type { CallRequest } from "../../context/dispatcher.ts";
import { shownBriefly } from "../../internal/shown-text.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import { formatTaskId, taskIdPrefix } from "../../session/task-id.ts";
import type { CallMessage, CallOutcome, CallRefusal, CallWorker } from "../../telemetry/call-message.ts";
import { callChannel, callStepChannel, refusedChannel } from "../../telemetry/channels.ts";
import { OperationMessages } from "../../telemetry/operation-messages.ts";
import { traceToSend } from "../../telemetry/trace-bounds.ts";
import type { TraceContext } from "../../telemetry/trace-context.ts";
import { hostId } from "../../transport/unix/host-id.ts";
import type { Nack } from "../../wire/frames.ts";
import { refusalName } from "../../wire/messages/nack-code.ts";
import { type Payload, payloadSize } from "../../wire/payload.ts";
import { localSocketOf } from "../connection/local-socket.ts";
import type { Member } from "../members/member.ts";

/** A call, as its record sees it. */
export interface RecordedCall {
  readonly payload: Payload;
  readonly head: { trace: TraceContext | undefined };
  record: CallRecord | undefined;
}

/** What a task's id is made of. */
interface TaskNumbers {
  readonly uid: string;
  readonly session: number;
  readonly stream: number;
}

/** The prefix of the ids of this process's tasks: its uid is the same on every connection. */
let known: { readonly uid: string; readonly prefix: string } | undefined;

/** The record of one call. */
export class CallRecord {
  readonly #message: Message;
  readonly #messages: OperationMessages;
  #madeMs = 0;
  #call: RecordedCall | undefined;

  constructor(request: CallRequest, streaming: boolean) {
    this.#message = new Message(request, streaming);
    this.#messages = new OperationMessages(callChannel, this.#message);
  }

  /** The call is made, within the function given. */
  begin<T>(make: () => T): T {
    this.#madeMs = performance.now();
    return this.#messages.begin(() => {
      if (this.#call !== undefined) this.#call.head.trace = this.#message.trace;
      return make();
    });
  }

  /** Follows the call, which has been made or is about to be. */
  follow(call: RecordedCall): void {
    this.#call = call;
    this.#message.requestBytes = payloadSize(call.payload);
    call.record = this;
    call.head.trace = this.#message.trace;
  }

  /** It has been written to a worker. */
  sent({ metadata, peer, session }: Member, stream: number): void {
    const message = this.#message;
    message.attempts += 1;
    message.queuedMs = performance.now() - this.#madeMs;
    message.worker = {
      uid: metadata.uid,
      address: localSocketOf(metadata, hostId()) ?? metadata.address,
      version: peer?.version ?? metadata.version,
    };
    const hello = session?.connection.hello;
    if (hello !== undefined) message.sentAs({ uid: hello.uid, session: hello.session, stream });
  }

  /** @param version As an Ack said; absent or empty if none did. */
  accepted(version: string | undefined): void {
    const { worker } = this.#message;
    if (worker !== undefined && version !== undefined && version !== "") {
      this.#message.worker = { ...worker, version };
    }
  }

  refused(worker: string, nack: Nack): void {
    if (!refusedChannel.hasSubscribers) return;
    const refusal: CallRefusal = { worker, code: refusalName(nack.code), reason: shownBriefly(nack.reason) };
    refusedChannel.publish({ call: this.#message, refusal });
  }

  /** A result or an error has come. */
  received(message: ReceivedMessage): void {
    if (!message.empty) this.#message.responseBytes += payloadSize(message);
  }

  /** A generator's value has come. */
  stepped(): void {
    this.#message.steps += 1;
    callStepChannel.publish(this.#message);
  }

  /** What it is about to be rejected with comes from its worker. */
  thrownByBody(): void {
    this.#message.thrownByBody = true;
  }

  /** The call is settled for its caller. */
  over(outcome: CallOutcome, error?: unknown): void {
    if (this.#messages.isOver) return;
    this.#message.outcome = outcome;
    this.#message.error = error;
    this.#messages.over(outcome !== "completed");
  }
}

class Message implements CallMessage {
  readonly routine: string;
  readonly functionName: string;
  readonly module: string;
  readonly tag: string | undefined;
  readonly nested: boolean;
  readonly streaming: boolean;
  worker: CallWorker | undefined;
  attempts = 0;
  queuedMs: number | undefined;
  requestBytes: number | undefined;
  responseBytes = 0;
  steps = 0;
  outcome: CallOutcome | undefined;
  error: unknown;
  thrownByBody = false;
  #numbers: TaskNumbers | undefined;
  #trace: TraceContext | undefined;

  constructor({ definition, options, parent }: CallRequest, streaming: boolean) {
    this.routine = definition.id;
    const isKnown = definition.declaration !== undefined;
    this.functionName = isKnown ? definition.name : "";
    this.module = (isKnown ? definition.module : undefined) ?? "";
    this.tag = options?.tag;
    this.nested = parent !== undefined;
    this.streaming = streaming;
    this.#trace = parent?.traceContext;
  }

  get id(): string | undefined {
    if (this.#numbers === undefined) return undefined;
    const { uid, session, stream } = this.#numbers;
    if (known?.uid !== uid) known = { uid, prefix: taskIdPrefix(uid) };
    return formatTaskId(known.prefix, session, stream);
  }

  get trace(): TraceContext | undefined {
    return this.#trace;
  }

  set trace(trace: TraceContext | undefined) {
    this.#trace = traceToSend(trace);
  }

  sentAs(numbers: TaskNumbers): void {
    this.#numbers = numbers;
  }
}

/**
 * Makes the call of a function, and tells of it.
 *
 * @param make Makes the call, which the record follows from then on. What it throws, the call rejects with.
 */
export function recordCall<T>(request: CallRequest, make: (record: CallRecord) => T): T {
  const record = new CallRecord(request, false);
  return record.begin(() => {
    try {
      return make(record);
    } catch (error) {
      record.over("failed", error);
      throw error;
    }
  });
}

/** As {@link recordCall}, for a stream: it is told of once it is asked for a step, or cannot be made. */
export function recordStream<C extends RecordedCall>(request: CallRequest, make: () => C): C {
  const record = new CallRecord(request, true);
  let call: C;
  try {
    call = make();
  } catch (error) {
    record.begin(() => record.over("failed", error));
    throw error;
  }
  record.follow(call);
  return call;
}
