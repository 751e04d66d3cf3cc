/** Which kind of execution a task has. */
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import type { Execution } from "./execution.ts";
import type { ExecutionHost } from "./execution-host.ts";
import { FunctionExecution } from "./function-execution.ts";
import { GeneratorExecution } from "./generator/generator-execution.ts";
import type { IncomingTask } from "./incoming-task.ts";
import { isOpenToKind, kindExpected } from "./task-head.ts";

/**
 * Makes the execution that fits a task. A caller without `Feature.Grammar` may not know which kind of routine
 * it calls; until the worker knows the kind, the task is run as a generator's, which remembers every step.
 *
 * @param definition The routine, if it has been found.
 */
export function createExecution(
  host: ExecutionHost,
  task: IncomingTask,
  definition: RoutineDefinition | undefined,
): Execution {
  const kind = definition?.kind ?? (isOpenToKind(task) ? "generator" : kindExpected(task));
  return kind === "generator" ? new GeneratorExecution(host, task) : new FunctionExecution(host, task);
}

/** Whether an execution that was made before its routine was found is of the routine's kind. */
export function isOfKind(execution: Execution, definition: RoutineDefinition): boolean {
  return definition.kind === "generator" || execution instanceof FunctionExecution;
}
