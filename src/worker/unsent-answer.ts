/** The answer of a task whose value turned out not to pass to its caller's thread: nothing of that has been sent. */
import type { IncomingTask } from "./incoming-task.ts";
import { answerFailure } from "./task-failures.ts";

/** Answers with why the value could not be sent. */
export function answerUnsent(task: IncomingTask, error: unknown, bodyUs: number): void {
  const { payload, variables } = answerFailure(task, error, (thrown) => thrown);
  task.session.exception(task.stream, payload, bodyUs, variables);
  task.record?.ended("failed", error);
}
