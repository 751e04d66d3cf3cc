/**
 * The callable that users get: a function with the routine's members around its definition. Each call finds the pool,
 * which is the one named for the call, that of the running task, or the ambient one, and hands the call over to its
 * dispatcher. A call never throws: its promise, or the first `next()` of its generator, rejects.
 */
import type { IdempotentCallOptions as CallOptions, CallRequest, Dispatcher } from "../context/dispatcher.ts";
import { ambientDispatcher, currentScope, isPoolOpening } from "../context/scope.ts";
import { isMerinoError } from "../errors/merino-error.ts";
import { NoActivePoolError } from "../errors/no-active-pool-error.ts";
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import type { RoutineDefinition, RoutineKind } from "../identity/routine-definition.ts";
import { inBlock } from "./call-block.ts";
import { assertCallOptions, assertRepeatable, assertWithoutKey } from "./call-options.ts";
import { receiverToSend } from "./receiver.ts";
import { tellOfUnmadeCall } from "./unmade-call.ts";

/** Where the definition of a method comes from: its class comes after it, and may be one of several. */
export interface MethodSource {
  /** Of the definition found last. @throws {@link RoutineDeclarationError} before there is one. */
  readonly id: string;
  /** @throws {@link RoutineDeclarationError} if the object does not have the method. */
  definitionFor(receiver: unknown): RoutineDefinition;
}

/** What calls need to know of a routine. */
export type DefinitionSource = RoutineDefinition | MethodSource;

/** A call, and who is to carry it. */
interface PreparedCall {
  readonly dispatcher: Dispatcher;
  readonly request: CallRequest;
}

/** The property of a routine bound to options that holds the routine itself. The bound one cannot travel. */
const ROUTINE: unique symbol = Symbol.for("merino.routine.bound") as never;
/** The property of it that holds the options. */
const OPTIONS: unique symbol = Symbol.for("merino.routine.bound-options") as never;

interface Bound {
  (this: unknown, ...parameters: unknown[]): unknown;
  [ROUTINE]?: object;
  [OPTIONS]?: CallOptions;
}

/** The routine that `with()` has bound to options, or `undefined` for any other function. */
export function boundRoutine(candidate: object): { readonly name: string } | undefined {
  return (candidate as Bound)[ROUTINE] as { readonly name: string } | undefined;
}

/** The options that it is bound to. */
export function boundOptions(candidate: object): CallOptions | undefined {
  return (candidate as Bound)[OPTIONS];
}

/** Builds the callable that users get around a definition. */
export function createCallable(
  source: DefinitionSource,
  body: RoutineDefinition["body"],
  kind: RoutineKind,
): object {
  const call = kind === "generator" ? callGenerator : callOnce;
  const callable = function (this: unknown, ...parameters: unknown[]): unknown {
    return call(source, this, parameters, undefined);
  };
  const members: PropertyDescriptorMap = {
    name: { value: body.name, configurable: true },
    length: { value: body.length, configurable: true },
    id: {
      get(): string {
        return source.id;
      },
      enumerable: true,
    },
    local: { value: body },
    with: {
      value(options: CallOptions): unknown {
        return bindOptions(callable, source, { kind, options });
      },
    },
  };
  return Object.defineProperties(callable, members);
}

/**
 * Builds a callable whose members are those of a prototype, which takes a tenth of the time: of routines that others
 * name there may be many.
 */
export function createCallableBelow(prototype: object, definition: RoutineDefinition): object {
  const call = definition.kind === "generator" ? callGenerator : callOnce;
  const callable = function (this: unknown, ...parameters: unknown[]): unknown {
    return call(definition, this, parameters, undefined);
  };
  return Object.setPrototypeOf(callable, prototype) as object;
}

/** The callable that calls a routine with options. */
export function bindOptions(
  callable: object,
  source: DefinitionSource,
  { kind, options }: { readonly kind: RoutineKind; readonly options: CallOptions },
): object {
  const call = kind === "generator" ? callGenerator : callOnce;
  let refusal: unknown;
  try {
    assertCallOptions(options);
    assertRepeatable(options, isIdempotent(source));
    if (kind === "generator") assertWithoutKey(options);
  } catch (error) {
    refusal = error; // a call never throws: the promise of the call rejects with it
  }
  const bound: Bound = function (this: unknown, ...parameters: unknown[]): unknown {
    if (refusal !== undefined) {
      tellOfUnmade(source, this, options, refusal);
      return kind === "generator" ? rejectedGenerator(refusal) : Promise.reject(refusal);
    }
    return call(source, this, parameters, options);
  };
  bound[ROUTINE] = callable;
  bound[OPTIONS] = options;
  return bound;
}

/** Methods never are. */
function isIdempotent(source: DefinitionSource): boolean {
  return "repetition" in source && source.repetition !== undefined;
}

/** Calls a routine that answers once. */
function callOnce(
  source: DefinitionSource,
  receiver: unknown,
  parameters: readonly unknown[],
  options: CallOptions | undefined,
): Promise<unknown> {
  let prepared: PreparedCall | undefined;
  try {
    prepared = prepare(source, receiver, parameters, options);
    return prepared.dispatcher.call(prepared.request);
  } catch (error) {
    showCaller(error, callOnce);
    if (prepared === undefined) tellOfUnmade(source, receiver, options, error);
    return Promise.reject(error);
  }
}

/** Calls a routine that answers with a stream. The pool and the arguments are fixed now, not at the first `next()`. */
function callGenerator(
  source: DefinitionSource,
  receiver: unknown,
  parameters: readonly unknown[],
  options: CallOptions | undefined,
): AsyncGenerator<unknown, unknown, unknown> {
  let prepared: PreparedCall | undefined;
  try {
    prepared = prepare(source, receiver, parameters, options);
    return prepared.dispatcher.stream(prepared.request);
  } catch (error) {
    showCaller(error, callGenerator);
    if (prepared === undefined) tellOfUnmade(source, receiver, options, error);
    return rejectedGenerator(error);
  }
}

/** Takes the library's frames off an error of its own: they may be so many that the program's do not show. */
function showCaller(error: unknown, below: (...parameters: never[]) => unknown): void {
  try {
    if (isMerinoError(error)) Error.captureStackTrace(error, below);
  } catch {
    // One that is frozen shows the frames that it has: a call never throws.
  }
}

/** Tells of a call that is handed to nobody, if it is known of which routine. */
function tellOfUnmade(
  source: DefinitionSource,
  receiver: unknown,
  options: CallOptions | undefined,
  error: unknown,
): void {
  try {
    tellOfUnmadeCall(definitionOf(source, receiver), options, error);
  } catch {
    // Its routine or its options may be what is wrong with it: a call never throws.
  }
}

function definitionOf(source: DefinitionSource, receiver: unknown): RoutineDefinition {
  return "definitionFor" in source ? source.definitionFor(receiver) : source;
}

/** A generator whose first `next()` rejects. */
async function* rejectedGenerator(error: unknown): AsyncGenerator<never, never, unknown> {
  throw error;
}

function prepare(
  source: DefinitionSource,
  receiver: unknown,
  parameters: readonly unknown[],
  options: CallOptions | undefined,
): PreparedCall {
  const definition = definitionOf(source, receiver);
  assertWithoutConflict(definition);
  const scope = currentScope();
  const block = scope?.callOptions;
  const dispatcher = options?.pool?.dispatcher ?? scope?.dispatcher ?? ambientDispatcher();
  if (dispatcher === undefined) {
    throw new NoActivePoolError(
      isPoolOpening()
        ? `Cannot call '${definition.id}': the pool is still being opened; await WorkerPool.open() before the first call`
        : `Cannot call '${definition.id}': no pool is open; open one with WorkerPool.open(), pass one through with({ pool }), or run the body here with .local()`,
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
      options: options === undefined && block === undefined ? undefined : inBlock(block, options),
      block,
      parent: scope?.task,
      trace: scope?.traceContext,
    },
  };
}

/** @throws {@link RoutineDeclarationError} for a routine that no worker finds. */
export function assertWithoutConflict({ id, declaration }: RoutineDefinition): void {
  const conflict = declaration?.conflict;
  if (conflict === undefined) return;
  throw new RoutineDeclarationError(
    `Cannot call '${id}' on a worker: ${conflict}; .local() runs the body here`,
  );
}
