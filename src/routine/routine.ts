/**
 * `routine()`: turns a function or generator into one that runs on a worker. It gives the declaration
 * its identity and hands calls to the dispatcher in scope; it carries nothing itself.
 */

import { type Allowance, resolveAllowedPeers } from "../credentials/peers/allowed-peers.ts";
import { assertBoolean, assertDuration, assertInteger, assertKnownOptions } from "../errors/check-options.ts";
import { resolveAmounts } from "../errors/check-resources.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import { declarationSite } from "../identity/call-site.ts";
import { createDeclaration } from "../identity/declaration.ts";
import { declaredName } from "../identity/declared-name.ts";
import { assertIdentity, formatIdentity } from "../identity/identity.ts";
import { moduleIdentity } from "../identity/package-root.ts";
import { registerRoutine } from "../identity/registry.ts";
import { type Repetition, resolveHedge, resolveRetry } from "../identity/repeat-options.ts";
import type { RoutineDefinition, RoutineKind } from "../identity/routine-definition.ts";
import type { Amounts } from "../internal/amounts.ts";
import { assertRepeatable, TIME_LIMIT } from "./call-options.ts";
import { createCallable } from "./callable.ts";
import { warnOfLocalRecursion } from "./local-recursion.ts";
import { assertMethodDecorator, declareMethod, isClass, olderMethodDecorator } from "./method-routine.ts";
import type {
  AnswersOnce,
  IdempotentRoutine,
  IdempotentRoutineOptions,
  MethodBody,
  Routine,
  RoutineBody,
  RoutineOptions,
} from "./routine-types.ts";

const ROUTINE_OPTIONS: Readonly<Record<keyof RoutineOptions | keyof IdempotentRoutineOptions, true>> = {
  name: true,
  module: true,
  id: true,
  timeout: true,
  runTimeout: true,
  limit: true,
  idempotent: true,
  retry: true,
  hedge: true,
  needs: true,
  allow: true,
  localRecursion: true,
};

/**
 * Makes a routine of a function or generator, asynchronous or not: calling it runs its body on a
 * worker of the pool in scope and gives a `Promise`, or an `AsyncGenerator`.
 *
 * Declare routines at the top level of a module: the worker imports that module to find them. Also
 * usable as a method decorator in classes marked with `portable`, in the standard form and in that of
 * TypeScript's `experimentalDecorators`.
 *
 * @param fn The body. It needs a name, here or in `options`.
 * @param options Identity and default budget.
 * @returns The routine, with the function's own parameters and result.
 * @throws {@link RoutineDeclarationError} when it has no name or module, or its identity is taken: by another
 *   routine, or because this call runs several times while the module is evaluated once.
 * @throws {@link InvalidOptionError} for a bad option.
 * @example
 * export const add = routine(async function add(x: number, y: number) {
 *   return x + y;
 * });
 */
export function routine<F extends RoutineBody>(
  fn: F,
  options: IdempotentRoutineOptions & AnswersOnce<F>,
): IdempotentRoutine<F>;
export function routine<F extends RoutineBody>(fn: F, options?: RoutineOptions): Routine<F>;
export function routine<F extends RoutineBody>(fn: F, context: ClassMethodDecoratorContext): Routine<F>;
export function routine<F extends MethodBody>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<F>,
): TypedPropertyDescriptor<F>;
export function routine(
  fn: unknown,
  options: RoutineOptions | IdempotentRoutineOptions | ClassMethodDecoratorContext | string | symbol = {},
  descriptor?: PropertyDescriptor,
): unknown {
  const older = olderMethodDecorator(fn, options, descriptor);
  if (older !== undefined) {
    const { method, context } = older;
    const site = declarationSite(routine, undefined);
    return { ...descriptor, value: declareMethod(method, kindOf(method), context, site) };
  }
  if (isDecoratorContext(options)) assertMethodDecorator(options);
  if (typeof fn !== "function") {
    throw new RoutineDeclarationError(
      `Cannot declare a routine: expected a function or generator function, got ${fn === null ? "null" : typeof fn}`,
    );
  }
  if (isClass(fn)) {
    throw new RoutineDeclarationError(
      `Cannot declare a routine: '${fn.name}' is a class; make routines of its methods and mark the class with portable()`,
    );
  }
  if (typeof options !== "object" || options === null) {
    throw new RoutineDeclarationError(
      `Cannot declare a routine: expected an object with options as the second argument, got ${options === null ? "null" : typeof options}; a name is given as { name: "resize" }`,
    );
  }
  const body = fn as unknown as RoutineDefinition["body"];
  const kind = kindOf(body);
  if (isDecoratorContext(options)) {
    return declareMethod(body, kind, options, declarationSite(routine, undefined));
  }
  const {
    module,
    name: shownName,
    id,
    timeoutMs,
    runTimeoutMs,
    limit,
    needs,
    allow,
    repetition,
  } = resolveRoutineOptions(options, body, kind);
  const site = declarationSite(routine, module);
  const name = options.name ?? declaredName(shownName, site.module);
  const identity = id ?? formatIdentity(moduleIdentity(site.module), name);
  const definition = {
    id: identity,
    name,
    module: site.module,
    kind,
    body,
    declaredIn: site.declaredIn,
    timeoutMs,
    runTimeoutMs,
    limit,
    repetition,
    needs,
    allow,
    routine: undefined as unknown as object, // set two lines below: the callable needs the definition first
    declaration: createDeclaration(body, site, { id: identity, isIdGiven: id !== undefined }),
  };
  definition.routine = createCallable(definition, body, kind);
  registerRoutine(definition);
  if (options.localRecursion !== true && isAsync(body)) warnOfLocalRecursion(body, identity, name);
  return definition.routine;
}

function resolveRoutineOptions(
  options: RoutineOptions | IdempotentRoutineOptions,
  body: RoutineDefinition["body"],
  kind: RoutineKind,
): {
  module: string | URL | undefined;
  name: string;
  id: string | undefined;
  timeoutMs: number | undefined;
  runTimeoutMs: number | undefined;
  limit: number | undefined;
  needs: Amounts | undefined;
  allow: Allowance | undefined;
  repetition: Repetition | undefined;
} {
  assertKnownOptions(options, ROUTINE_OPTIONS);
  assertDuration("timeout", options.timeout, TIME_LIMIT);
  assertDuration("runTimeout", options.runTimeout, TIME_LIMIT);
  assertInteger("limit", options.limit, { least: 1, most: 0xffff_ffff });
  assertBoolean("localRecursion", options.localRecursion);
  const { id } = options;
  if (id !== undefined) {
    if (typeof id !== "string")
      throw new InvalidOptionError("id", { value: id, expected: "an identity, as text" });
    assertIdentity(id);
  }
  const name = options.name ?? (body.name || id?.slice(id.lastIndexOf("#") + 1)) ?? "";
  if (typeof name !== "string" || name === "" || name === "default") {
    throw new RoutineDeclarationError(
      'Cannot declare a routine without a name: write routine(async function resize(…) { … }) or pass { name: "resize" }',
    );
  }
  const allow = options.allow === undefined ? undefined : resolveAllowedPeers("allow", options.allow);
  const { module, timeout: timeoutMs, runTimeout: runTimeoutMs, limit } = options;
  const needs = resolveAmounts("needs", options.needs);
  const repetition = resolveRepetition(options, kind);
  return { module, name, id, timeoutMs, runTimeoutMs, limit, needs, allow, repetition };
}

function resolveRepetition(
  { idempotent, retry, hedge }: RoutineOptions | IdempotentRoutineOptions,
  kind: RoutineKind,
): Repetition | undefined {
  assertBoolean("idempotent", idempotent);
  if (idempotent === true && kind === "generator") {
    throw new InvalidOptionError("idempotent", {
      value: idempotent,
      expected:
        "nothing for a generator: what it has yielded cannot be taken back, so its calls run at most once",
    });
  }
  const repetition = { retry: resolveRetry(retry), hedge: resolveHedge(hedge) };
  if (idempotent === true) return repetition;
  assertRepeatable({ retry, hedge }, false);
  return undefined;
}

function kindOf(body: RoutineDefinition["body"]): RoutineKind {
  const tag = Object.prototype.toString.call(body);
  return tag === "[object AsyncGeneratorFunction]" || tag === "[object GeneratorFunction]"
    ? "generator"
    : "function";
}

function isAsync(body: RoutineDefinition["body"]): boolean {
  return Object.prototype.toString.call(body) === "[object AsyncFunction]";
}

function isDecoratorContext(options: unknown): options is ClassMethodDecoratorContext {
  return typeof options === "object" && options !== null && "kind" in options && "addInitializer" in options;
}
