/** One call of a routine: finds the dispatcher in scope and hands the call over. Never throws synchronously. */

import type { CallOptions, CallRequest, Dispatcher } from "../context/dispatcher.ts";
import { ambientDispatcher, currentScope } from "../context/scope.ts";
import { NoActivePoolError } from "../errors/no-active-pool-error.ts";
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import { receiverToSend } from "./receiver.ts";

/** Where the definition of a method comes from: its class comes after it, and may be one of several. */
export interface MethodSource {
  /** Of the definition found last. @throws {@link RoutineDeclarationError} before there is one. */
  readonly id: string;
  /** @throws {@link RoutineDeclarationError} if the object does not have the method. */
  definitionFor(receiver: unknown): RoutineDefinition;
}

/** What calls need to know of a routine. */
export type DefinitionSource = RoutineDefinition | MethodSource;

/** Calls a routine that answers once. */
export function callOnce(
  source: DefinitionSource,
  receiver: unknown,
  parameters: readonly unknown[],
  options: CallOptions | undefined,
): Promise<unknown> {
  try {
    const { dispatcher, request } = prepare(source, receiver, parameters, options);
    return dispatcher.call(request);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Calls a routine that answers with a stream. The pool and the arguments are fixed now, not at the first `next()`. */
export function callGenerator(
  source: DefinitionSource,
  receiver: unknown,
  parameters: readonly unknown[],
  options: CallOptions | undefined,
): AsyncGenerator<unknown, unknown, unknown> {
  try {
    const { dispatcher, request } = prepare(source, receiver, parameters, options);
    return dispatcher.stream(request);
  } catch (error) {
    return rejectedGenerator(error);
  }
}

/** A generator whose first `next()` rejects. */
export async function* rejectedGenerator(error: unknown): AsyncGenerator<never, never, unknown> {
  throw error;
}

function prepare(
  source: DefinitionSource,
  receiver: unknown,
  parameters: readonly unknown[],
  options: CallOptions | undefined,
): { dispatcher: Dispatcher; request: CallRequest } {
  const definition = "definitionFor" in source ? source.definitionFor(receiver) : source;
  const conflict = definition.declaration?.conflict;
  if (conflict !== undefined) {
    throw new RoutineDeclarationError(
      `Cannot call '${definition.id}' on a worker: ${conflict}; .local() runs the body here`,
    );
  }
  const scope = currentScope();
  const dispatcher = options?.pool?.dispatcher ?? scope?.dispatcher ?? ambientDispatcher();
  if (dispatcher === undefined) {
    throw new NoActivePoolError(
      `Cannot call '${definition.id}': no pool is open; open one with WorkerPool.open(), pass one through with({ pool }), or run the body here with .local()`,
    );
  }
  return {
    dispatcher,
    request: {
      definition,
      receiver:
        receiver === undefined && definition.owner === undefined
          ? undefined // as in nearly every call
          : receiverToSend(definition, receiver),
      parameters,
      options,
      parent: scope?.task,
    },
  };
}
