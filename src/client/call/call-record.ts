/**
 * What the channels of `merino:call` tell of one call. It exists only if somebody subscribes when the call is made; the
 * call and its dispatcher tell it what happens, and it decides nothing.
 */
import type { CallRequest } from "../../context/dispatcher.ts";
import { shownBriefly } from "../../internal/shown-text.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import { formatTaskId, taskIdPrefix } from "../../session/task-id.ts";
import type { CallMessage, CallOutcome, CallRefusal, CallWorker } from "../../telemetry/call-message.ts";
import {
  callChannel,
  callStepChannel,
  recordedCallChannel,
  recordedCallStepChannel,
  recordedRefusedChannel,
  refusedChannel,
} from "../../telemetry/channels.ts";
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

/** What is told of a call, and to whom. */
interface RecordOptions {
  readonly streaming: boolean;
  readonly isRecorded: boolean;
}

/** Of the Hello of a connection, what the ids of its tasks are made of. */
interface HelloOfTasks {
  readonly uid: string;
  readonly session: number;
}

/** The prefix of the ids of this process's tasks: its uid is the same on every connection. */
let known: { readonly uid: string; readonly prefix: string } | undefined;

/** The record of one call. */
export class CallRecord extends OperationMessages<Message> {
  /** Whether the recorder is told of it. */
  readonly isRecorded: boolean;
  #madeMs = 0;
  #call: RecordedCall | undefined;

  /** @param isRecorded Whether the recorder wants to be told of it; everybody else is in any case. */
  constructor(request: CallRequest, { streaming, isRecorded }: RecordOptions) {
    super(callChannel, new Message(request, streaming), isRecorded ? recordedCallChannel : undefined);
    this.isRecorded = isRecorded;
  }

  /** What is told of it. */
  get told(): CallMessage {
    return this.message;
  }

  /** It travels with another trace context than that of the task that makes it. */
  carry(trace: TraceContext | undefined): void {
    this.message.trace = trace;
  }

  /** The call is made, within the function given. What that throws, the call rejects with. */
  make<T>(fn: () => T): T {
    this.#madeMs = performance.now();
    return this.begin(() => {
      try {
        return fn();
      } catch (error) {
        this.settled("failed", error);
        throw error;
      }
    });
  }

  /** The call of a stream, which has been made before, asks for its first step within the function given. */
  start(fn: () => void): void {
    this.#madeMs = performance.now();
    this.begin(() => {
      if (this.#call !== undefined) this.#call.head.trace = this.message.trace;
      fn();
    });
  }

  /** Follows the call, which has been made or is about to be. */
  follow(call: RecordedCall): void {
    this.#call = call;
    this.message.requestBytes = payloadSize(call.payload);
    call.record = this;
    call.head.trace = this.message.trace;
  }

  /** It has been written to a worker. */
  sent(member: Member, stream: number): void {
    const { message } = this;
    message.attempts += 1;
    // One that is sent while it is made has not waited: to ask the clock again would cost it as much as all else here.
    message.queuedMs = this.hasEnded ? performance.now() - this.#madeMs : 0;
    message.worker = workerOf(member);
    const hello = member.session?.connection.hello;
    if (hello !== undefined) message.sentAs(hello, stream);
  }

  /** Of several workers that it was sent to, this one has decided it. */
  decidedBy(member: Member, stream: number): void {
    this.message.worker = workerOf(member);
    const hello = member.session?.connection.hello;
    if (hello !== undefined) this.message.sentAs(hello, stream);
  }

  /** @param version As an Ack said; absent or empty if none did. */
  accepted(version: string | undefined): void {
    const { worker } = this.message;
    if (worker !== undefined && version !== undefined && version !== "" && version !== worker.version) {
      this.message.worker = { ...worker, version };
    }
  }

  refused(worker: string, nack: Nack): void {
    if (!refusedChannel.hasSubscribers && !this.isRecorded) return;
    const refusal: CallRefusal = { worker, code: refusalName(nack.code), reason: shownBriefly(nack.reason) };
    const told = { call: this.message, refusal };
    refusedChannel.publish(told);
    if (this.isRecorded) recordedRefusedChannel.publish(told);
  }

  /** A result or an error has come. */
  received(message: ReceivedMessage): void {
    if (!message.empty) this.message.responseBytes += payloadSize(message);
  }

  /** A generator's value has come. */
  stepped(): void {
    this.message.steps += 1;
    callStepChannel.publish(this.message);
    if (this.isRecorded) recordedCallStepChannel.publish(this.message);
  }

  /** What it is about to be rejected with comes from its worker. */
  thrownByBody(): void {
    this.message.thrownByBody = true;
  }

  /** The call is settled for its caller. */
  settled(outcome: CallOutcome, error?: unknown): void {
    if (this.isOver) return;
    this.message.outcome = outcome;
    this.message.error = error;
    this.over(outcome !== "completed");
  }
}

class Message implements CallMessage {
  readonly routine: string;
  readonly functionName: string;
  readonly module: string;
  readonly tag: string | undefined;
  readonly priority: number;
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
  #hello: HelloOfTasks | undefined;
  #stream = 0;
  #trace: TraceContext | undefined;

  constructor({ definition, options, parent, trace }: CallRequest, streaming: boolean) {
    this.routine = definition.id;
    const isKnown = definition.declaration !== undefined;
    this.functionName = isKnown ? definition.name : "";
    this.module = (isKnown ? definition.module : undefined) ?? "";
    this.tag = options?.tag;
    this.priority = options?.priority ?? 0;
    this.nested = parent !== undefined;
    this.streaming = streaming;
    this.#trace = trace ?? parent?.traceContext;
  }

  get id(): string | undefined {
    if (this.#hello === undefined) return undefined;
    const { uid, session } = this.#hello;
    if (known?.uid !== uid) known = { uid, prefix: taskIdPrefix(uid) };
    return formatTaskId(known.prefix, session, this.#stream);
  }

  get trace(): TraceContext | undefined {
    return this.#trace;
  }

  set trace(trace: TraceContext | undefined) {
    this.#trace = traceToSend(trace);
  }

  sentAs(hello: HelloOfTasks, stream: number): void {
    this.#hello = hello;
    this.#stream = stream;
  }
}

/** Makes the call of a stream. It is told of once it is asked for a step, or cannot be made. */
export function recordStream<C extends RecordedCall>(
  request: CallRequest,
  isRecorded: boolean,
  make: () => C,
): C {
  const record = new CallRecord(request, { streaming: true, isRecorded });
  let call: C;
  try {
    call = make();
  } catch (error) {
    record.begin(() => record.settled("failed", error));
    throw error;
  }
  record.follow(call);
  return call;
}

/** What is told of a worker: the same object for as long as it is the same. */
export function workerOf(member: Member): CallWorker {
  const { metadata, peer } = member;
  const { recorded } = member;
  if (recorded?.metadata === metadata && recorded.peer === peer) return recorded.worker;
  const worker: CallWorker = {
    uid: metadata.uid,
    address: localSocketOf(metadata, hostId()) ?? metadata.address,
    version: peer?.version ?? metadata.version,
  };
  member.recorded = { metadata, peer, worker };
  return worker;
}
