/**
 * Makes the execution that fits a task: a function's or a generator's. A caller without `Feature.Grammar` may not know
 * which kind of routine it calls; until the worker does, its task is kept as a generator's, which remembers every step.
 */
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import { TaskFlag } from "../wire/task/flags.ts";
import type { Execution, ExecutionHost } from "./execution.ts";
import { FunctionExecution } from "./function-execution.ts";
import { GeneratorExecution } from "./generator-execution.ts";
import type { IncomingTask } from "./incoming-task.ts";

/** @param definition The routine, if it has been found. */
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

/** Why the routine cannot answer as the task's caller expects; `undefined` if it can. */
export function kindMismatch(definition: RoutineDefinition, task: IncomingTask): string | undefined {
  const expected = kindExpected(task);
  if (definition.kind === expected || isOpenToKind(task)) return undefined;
  return `'${definition.id}' is a ${definition.kind} in the worker and a ${expected} for the caller; run the same version of the code on both sides`;
}

function kindExpected(task: IncomingTask): RoutineDefinition["kind"] {
  return (task.flags & TaskFlag.Generator) !== 0 ? "generator" : "function";
}

/** Whether the caller takes a routine of either kind: the original protocol cannot say which one it expects. */
function isOpenToKind(task: IncomingTask): boolean {
  return !task.session.knowsGrammar && kindExpected(task) === "function";
}
