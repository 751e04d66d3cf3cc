/**
 * Answers that are not sent as they are: of a task whose value turned out not to pass to its caller's thread, of which nothing has
 * been sent; and those with blobs in them, whose content is to be read before.
 */
import { unreadIn } from "../codec/beside/unread-blobs.ts";
import type { ActiveExecution } from "./active-executions.ts";
import type { ExecutionHost } from "./execution-host.ts";
import type { Answer, IncomingTask } from "./incoming-task.ts";
import { answerFailure } from "./task-failures.ts";

/** Answers with why the value could not be sent. */
export function answerUnsent(task: IncomingTask, error: unknown, bodyUs: number): void {
  const { payload, variables } = answerFailure(task, error, (thrown) => thrown);
  task.session.exception(task.stream, payload, bodyUs, variables);
  task.record?.ended("failed", error);
}

/** What becomes of the answer. */
export interface Outcome {
  readonly send: () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Has the blobs of an answer read.
 *
 * @param execution Whose body has ended.
 */
export function answerOnceRead(
  execution: ActiveExecution & Parameters<ExecutionHost["suspended"]>[0] & { readonly phase: string },
  host: ExecutionHost,
  { payload }: Answer,
  { send, fail }: Outcome,
): void {
  const unread = unreadIn(payload);
  if (unread === undefined) return send();
  const read = (): void => {
    if (execution.phase === "over") host.active.bodyEnded(execution);
    else send();
  };
  unread.read().then(read, fail);
  host.suspended(execution);
}
