/** What the channels of `merino:call:attempt` tell of one attempt; made only where its call is told of. */
import type { AttemptMessage } from "../../telemetry/attempt-message.ts";
import type { CallOutcome, CallWorker } from "../../telemetry/call-message.ts";
import { attemptChannel, recordedAttemptChannel } from "../../telemetry/channels.ts";
import { OperationMessages } from "../../telemetry/operation-messages.ts";
import { traceToSend } from "../../telemetry/trace-bounds.ts";
import type { TraceContext } from "../../telemetry/trace-context.ts";
import { type CallRecord, workerOf } from "../call/call-record.ts";
import type { Member } from "../members/member.ts";

type Message = { -readonly [K in keyof AttemptMessage]: AttemptMessage[K] };

/** An attempt, as its record sees it. */
export interface RecordedAttempt {
  readonly number: number;
  readonly isHedge: boolean;
  readonly head: { trace: TraceContext | undefined };
}

/** Whether anybody wants to know of attempts of this call. */
export function tellsOfAttempts(call: CallRecord): boolean {
  return call.isRecorded || attemptChannel.start.hasSubscribers || attemptChannel.asyncEnd.hasSubscribers;
}

/** The record of one attempt. */
export class AttemptRecord extends OperationMessages<Message> {
  /** Tells that it begins, and has travel with it what a subscriber says. */
  constructor(attempt: RecordedAttempt, call: CallRecord) {
    const { told } = call;
    const message: Message = {
      call: told,
      routine: told.routine,
      attempt: attempt.number,
      hedge: attempt.isHedge,
      worker: undefined as CallWorker | undefined,
      outcome: undefined as CallOutcome | undefined,
      error: undefined,
      thrownByBody: false,
      trace: told.trace,
    };
    super(attemptChannel, message, call.isRecorded ? recordedAttemptChannel : undefined);
    this.begin(() => {});
    attempt.head.trace = traceToSend(message.trace);
  }

  sent(member: Member): void {
    this.message.worker = workerOf(member);
  }

  /** What it is about to end with comes from its body. */
  thrown(): void {
    this.message.thrownByBody = true;
  }

  ended(outcome: CallOutcome, error: unknown): void {
    this.message.outcome = outcome;
    this.message.error = error;
    this.over(outcome !== "completed");
  }
}
