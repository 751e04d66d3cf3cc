/** One call of a routine: finds the dispatcher in scope and hands the call over. Never throws synchronously. */

import { portableByConstructor, portableByPrototype } from "../codec/portable-registry.ts";
import type { CallOptions, CallRequest, Dispatcher } from "../context/dispatcher.ts";
import { ambientDispatcher, currentScope } from "../context/scope.ts";
import { NoActivePoolError } from "../errors/no-active-pool-error.ts";
import { NotSerializableError } from "../errors/not-serializable-error.ts";
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";

/** What calls need to know of a routine; resolved late for methods, whose class is defined after them. */
export type DefinitionSource = RoutineDefinition | ((receiver: unknown) => RoutineDefinition);

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
  const definition = typeof source === "function" ? source(receiver) : source;
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
      receiver: receiver === undefined ? undefined : travellingReceiver(definition, receiver),
      parameters,
      options,
      parent: scope?.task,
    },
  };
}

/**
 * Decides whether `this` travels: an instance of a portable class or such a class does; a plain object,
 * a module namespace or a function that merely holds the routine does not; an instance of another class
 * cannot.
 */
function travellingReceiver(definition: RoutineDefinition, receiver: unknown): unknown {
  if (typeof receiver === "function") {
    return portableByConstructor(receiver) === undefined ? undefined : receiver;
  }
  if (typeof receiver !== "object" || receiver === null) return undefined;
  const prototype: unknown = Object.getPrototypeOf(receiver);
  if (prototype === null || prototype === Object.prototype || Array.isArray(receiver)) return undefined;
  if (receiver === globalThis || Object.prototype.toString.call(receiver) === "[object Module]")
    return undefined;
  if (portableByPrototype(prototype as object) !== undefined) return receiver;
  const className =
    (prototype as { constructor?: { name?: string } }).constructor?.name ?? "an unknown class";
  if (className === "Object") return undefined; // a plain object of another realm
  throw new NotSerializableError(
    "this",
    `'${definition.name}' was called on an instance of '${className}', which does not travel; mark the class with portable(${className})`,
  );
}
