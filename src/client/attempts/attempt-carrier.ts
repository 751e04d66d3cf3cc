/** What carries the attempts of calls, as the calls see it. Types only. */
import type { Abortable } from "../../context/task.ts";
import type { Listed } from "../../internal/awaitable-set.ts";
import type { TraceContext } from "../../telemetry/trace-context.ts";
import type { Nack } from "../../wire/frames.ts";
import type { CallOwner } from "../call/call.ts";
import type { CallContext } from "../call/call-context.ts";
import type { CallRecord } from "../call/call-record.ts";
import type { Attempt } from "./attempt.ts";

/** What goes with a call beside its request. */
export interface CallSurroundings {
  readonly record: CallRecord | undefined;
  /** What travels with each attempt; absent, or if there is a record: as that or the task which makes it says. */
  readonly trace: TraceContext | undefined;
  /** As {@link Call}'s. */
  readonly context: CallContext | undefined;
}

/** A call that has no attempt under way, and is going to have one. */
export interface PausingCall extends Listed, Abortable {}

/** How an attempt, or the call, is over. */
export type AttemptOutcome = "completed" | "failed" | "cancelled";

/** What carries the attempts of calls. */
export interface AttemptCarrier extends Omit<CallOwner, "neverStarted" | "cancelled" | "answered"> {
  /** Begins an attempt: sends it, or has it wait; if possible to none of these workers. */
  send(attempt: Attempt, than: ReadonlySet<string>): void;
  /** Begins an attempt: sends it to a worker that has room now and is none of these. @returns Whether it has left. */
  sendElsewhere(attempt: Attempt, than: ReadonlySet<string>): boolean | Promise<boolean>;
  /** A worker has refused an attempt, which is dropped for that. */
  hedgeRefused(attempt: Attempt, nack: Nack): void;
  /** An attempt is over for its call; its worker may still be running it. `isFinal`: and so is the call. */
  attemptOver(attempt: Attempt, outcome: AttemptOutcome): void;
  /** The call has no attempt under way, and is going to have one. */
  pauses(call: PausingCall): void;
  /** It pauses no more. */
  resumes(call: PausingCall): void;
  /** An attempt beside the first is made, or was not since the budget is used up. */
  repeated(how: "retried" | "hedged" | "throttled"): void;
  /** The call is settled for its caller. @param last The attempt that has decided it, or was the last. */
  settled(last: Attempt, outcome: AttemptOutcome): void;
}
