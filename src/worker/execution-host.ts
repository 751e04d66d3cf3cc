/** The worker as an execution sees it. Types only. */
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import type { BodyTimeEstimates } from "../internal/body-time-estimate.ts";
import type { ServerSession } from "../session/server-session.ts";
import type { ActiveExecutions } from "./active-executions.ts";
import type { AnswerWindow } from "./answer-window.ts";
import type { KeptStreams } from "./hand-over/kept-streams.ts";
import type { RunQueue } from "./queue/run-queue.ts";
import type { TaskHost } from "./task-host.ts";

/** An execution whose body was started and has not settled at once. */
export interface SuspendedExecution {
  readonly session: ServerSession;
  reportSuspended(): void;
}

/** The worker as an execution sees it. */
export interface ExecutionHost extends TaskHost {
  /** Adds to an error of a body the worker's explanation, if the body's module is why it failed. */
  explainError(definition: RoutineDefinition, error: unknown): unknown;
  readonly queue: RunQueue;
  readonly active: ActiveExecutions;
  readonly answers: AnswerWindow;
  readonly kept: KeptStreams;
  readonly bodyTimes: BodyTimeEstimates;
  /**
   * The error of a call that the end of the worker has cut short.
   *
   * @param cause What its body has thrown, if that says more than that it was aborted.
   */
  stoppedError(routine: string, cause: unknown): Error;
  /** The body was started and has not settled at once. */
  suspended(execution: SuspendedExecution): void;
}
