/**
 * Methods as routines, declared with a decorator. The class of a method is not known where the method
 * is declared, so its identity is settled when the class first is: for a static method when the class
 * is defined, for an instance method at its first call or when a worker looks for it.
 */

import { portableById, portableByPrototype } from "../codec/portable-registry.ts";
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import type { DeclarationSite } from "../identity/call-site.ts";
import { createDeclaration } from "../identity/declaration.ts";
import { formatIdentity, parseIdentity } from "../identity/identity.ts";
import { moduleIdentity } from "../identity/package-root.ts";
import { findRoutine, registerRoutine } from "../identity/registry.ts";
import type { DeclaredRoutine, RoutineDefinition, RoutineKind } from "../identity/routine-definition.ts";
import { createCallable } from "./callable.ts";

const PENDING: unique symbol = Symbol.for("merino.routine.method") as never;

interface PendingMethod {
  readonly name: string;
  bind(identity: string): RoutineDefinition;
}

/**
 * Refuses a decorator that stands in front of something else than a method, or that a compiler calls in the
 * older form, with the class or its prototype and a key.
 *
 * @param target What was decorated.
 * @param context What came with it.
 */
export function assertMethodDecorator(target: unknown, context: unknown): void {
  if (typeof context === "object" && context !== null && "kind" in context && "addInitializer" in context) {
    const { kind, name } = context as ClassMethodDecoratorContext;
    if (["method", "class"].includes(kind)) return;
    throw new RoutineDeclarationError(
      `Cannot make a routine of the ${String(kind)} '${String(name)}': @routine marks methods; a function is given to routine() at the top level of the module`,
    );
  }
  const isKey = typeof context === "string" || typeof context === "symbol";
  const isTarget = isClass(target) || (typeof target === "object" && target !== null);
  if (!isKey || !isTarget) return;
  throw new RoutineDeclarationError(
    `Cannot make a routine of the method '${String(context)}': the decorator was called in the older form; remove "experimentalDecorators" from tsconfig.json, so that decorators are compiled in their standard form`,
  );
}

/** Whether a value is a class by its text, not a function that can be called. */
export function isClass(value: unknown): boolean {
  return typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));
}

/** Makes the callable of a decorated method. */
export function declareMethod(
  body: RoutineDefinition["body"],
  kind: RoutineKind,
  context: ClassMethodDecoratorContext,
  site: DeclarationSite,
): object {
  const name = context.name;
  if (typeof name !== "string" || context.private) {
    throw new RoutineDeclarationError(
      `Cannot make a routine of the method '${String(name)}': only public methods with a plain name can be found by a worker`,
    );
  }
  let definition: DeclaredRoutine | undefined;
  const bind = (identity: string): RoutineDefinition => {
    if (definition === undefined) {
      const declared: DeclaredRoutine = {
        id: identity,
        name: identity.slice(identity.lastIndexOf("#") + 1),
        module: site.module,
        kind,
        body,
        declaredIn: site.declaredIn,
        timeoutMs: undefined,
        routine: callable,
        declaration: createDeclaration(body, site, { id: identity, isIdGiven: false }),
      };
      registerRoutine(declared);
      definition = declared;
    }
    return definition;
  };
  const callable: object = createCallable(
    (receiver) => definition ?? bind(identityOfMethod(name, callable, receiver)),
    body,
    kind,
  );
  const pending: PendingMethod = { name, bind };
  Object.defineProperty(callable, PENDING, { value: pending });
  if (context.static) {
    context.addInitializer(function (this: unknown) {
      const className = (this as { name: string }).name;
      bind(formatIdentity(moduleIdentity(site.module), `${className}.${name}`));
    });
  }
  return callable;
}

/** Whether a function is a routine made of a method whose class is not known yet. */
export function isUnboundMethod(candidate: object): boolean {
  return (candidate as { [PENDING]?: PendingMethod })[PENDING] !== undefined;
}

/**
 * Finds a method routine by identity through its portable class, binding it on the way.
 *
 * @returns The definition, or `undefined` when the identity names no decorated method known here.
 */
export function findMethodRoutine(identity: string): RoutineDefinition | undefined {
  const parsed = parseIdentity(identity);
  const dot = parsed?.name.lastIndexOf(".") ?? -1;
  if (parsed === undefined || dot <= 0) return undefined;
  const owner = portableById(formatIdentity(parsed.module, parsed.name.slice(0, dot)));
  const prototype = owner?.constructor.prototype as Record<string, { [PENDING]?: PendingMethod }> | undefined;
  const method =
    prototype === undefined
      ? undefined
      : Object.getOwnPropertyDescriptor(prototype, parsed.name.slice(dot + 1))?.value;
  const pending: PendingMethod | undefined = (method as { [PENDING]?: PendingMethod } | undefined)?.[PENDING];
  pending?.bind(identity);
  return pending === undefined ? undefined : findRoutine(identity);
}

function identityOfMethod(name: string, callable: object, receiver: unknown): string {
  let prototype: unknown =
    typeof receiver === "object" && receiver !== null ? Object.getPrototypeOf(receiver) : undefined;
  while (typeof prototype === "object" && prototype !== null) {
    if (Object.getOwnPropertyDescriptor(prototype, name)?.value === callable) {
      const owner = portableByPrototype(prototype);
      if (owner !== undefined) return `${owner.id}.${name}`;
      const className = (prototype as { constructor: { name: string } }).constructor.name;
      throw new RoutineDeclarationError(
        `Cannot call '${className}.${name}': instances of '${className}' do not travel; mark the class with portable(${className})`,
      );
    }
    prototype = Object.getPrototypeOf(prototype);
  }
  throw new RoutineDeclarationError(
    `Cannot call the method '${name}' without its object: write object.${name}(…), or object.${name}.with(options).call(object, …)`,
  );
}
