/**
 * Methods as routines, declared with a decorator. When a method is declared, its class is not known yet, so its
 * identity is settled as soon as the class is: for a static method when the class is defined, for an instance
 * method at its first call or when a worker looks for it.
 */

import { portableByPrototype, portablesOf } from "../codec/portable-registry.ts";
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import type { DeclarationSite } from "../identity/call-site.ts";
import { createDeclaration } from "../identity/declaration.ts";
import { formatIdentity, parseIdentity } from "../identity/identity.ts";
import { moduleIdentity } from "../identity/package-root.ts";
import { registerRoutine } from "../identity/registry.ts";
import type { DeclaredRoutine, RoutineDefinition, RoutineKind } from "../identity/routine-definition.ts";
import type { MethodSource } from "./callable.ts";
import { createCallable } from "./callable.ts";

const PENDING: unique symbol = Symbol.for("merino.routine.method") as never;

interface PendingMethod {
  readonly name: string;
  bind(identity: string, owner: object): RoutineDefinition;
}

/** What is known of a method where it is decorated. */
export type MethodContext = Pick<
  ClassMethodDecoratorContext,
  "name" | "static" | "private" | "addInitializer"
>;

/**
 * Refuses a decorator that stands in front of something else than a method.
 *
 * @param context The second argument of the decorator, in its standard form.
 */
export function assertMethodDecorator(context: ClassMethodDecoratorContext): void {
  const { kind, name } = context as { readonly kind: string; readonly name: string | symbol };
  if (kind !== "method" && kind !== "class") throw notAMethod(kind, name);
}

/**
 * Understands a decorator that a compiler calls in its older form, as TypeScript does with `experimentalDecorators`.
 *
 * @param target The first argument of the decorator: the class, or its prototype.
 * @param key The second one.
 * @param descriptor The third one.
 * @returns The method and what is known of it; `undefined` if it is no such call.
 * @throws {@link RoutineDeclarationError} if it marks something else than a method.
 */
export function olderMethodDecorator(
  target: unknown,
  key: unknown,
  descriptor: PropertyDescriptor | undefined,
): { readonly method: RoutineDefinition["body"]; readonly context: MethodContext } | undefined {
  if (typeof key !== "string" && typeof key !== "symbol") return undefined;
  const isStatic = descriptor === undefined ? isClass(target) : typeof target === "function";
  if (!isStatic && (typeof target !== "object" || target === null)) return undefined;
  const method: unknown = descriptor?.value;
  if (typeof method !== "function") {
    const isAccessor = descriptor?.get !== undefined || descriptor?.set !== undefined;
    throw notAMethod(isAccessor ? "accessor" : "field", key);
  }
  const context: MethodContext = {
    name: key,
    static: isStatic,
    private: false,
    // The class is complete by now.
    addInitializer: (initialize) => initialize.call(target),
  };
  return { method: method as RoutineDefinition["body"], context };
}

function notAMethod(kind: string, name: string | symbol): RoutineDeclarationError {
  return new RoutineDeclarationError(
    `Cannot make a routine of the ${kind} '${String(name)}': @routine marks methods; a function is given to routine() at the top level of the module`,
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
  context: MethodContext,
  site: DeclarationSite,
): object {
  const name = context.name;
  if (typeof name !== "string" || context.private) {
    throw new RoutineDeclarationError(
      `Cannot make a routine of the method '${String(name)}': only public methods with a plain name can be found by a worker`,
    );
  }
  let known: DeclaredRoutine | undefined;
  /** A method may be handed to other classes: each has a definition of its own. */
  const definitions = new WeakMap<object, DeclaredRoutine>();
  const bind = (identity: string, owner: object): RoutineDefinition => {
    const bound = definitions.get(owner);
    if (bound !== undefined) return bound;
    known = {
      id: identity,
      name: identity.slice(identity.lastIndexOf("#") + 1),
      module: site.module,
      kind,
      body,
      declaredIn: site.declaredIn,
      timeoutMs: undefined,
      owner,
      routine: callable,
      declaration: createDeclaration(body, site, { id: identity, isIdGiven: false }),
    };
    registerRoutine(known);
    definitions.set(owner, known);
    return known;
  };
  const source: MethodSource = {
    get id(): string {
      return (known ?? this.definitionFor(undefined)).id;
    },
    definitionFor(receiver: unknown): RoutineDefinition {
      if (context.static && known !== undefined) return known;
      const owner = ownerOf(name, callable, receiver);
      return definitions.get(owner) ?? bind(identityOf(owner, name), owner);
    },
  };
  const callable: object = createCallable(source, body, kind);
  const pending: PendingMethod = { name, bind };
  Object.defineProperty(callable, PENDING, { value: pending });
  if (context.static) {
    context.addInitializer(function (this: unknown) {
      const Class = this as { readonly name: string };
      bind(formatIdentity(moduleIdentity(site.module), `${Class.name}.${name}`), Class);
    });
  }
  return callable;
}

/** Whether a function is a routine made of a method whose class is not known yet. */
export function isUnboundMethod(candidate: object): boolean {
  return (candidate as { [PENDING]?: PendingMethod })[PENDING] !== undefined;
}

/** Gives decorated methods the identity by which a worker looks for them, in every copy of their package. */
export function bindMethods(identity: string): void {
  const parsed = parseIdentity(identity);
  const dot = parsed?.name.lastIndexOf(".") ?? -1;
  if (parsed === undefined || dot <= 0) return;
  const name = parsed.name.slice(dot + 1);
  for (const owner of portablesOf(formatIdentity(parsed.module, parsed.name.slice(0, dot)))) {
    const prototype = owner.constructor.prototype as object;
    const method = Object.getOwnPropertyDescriptor(prototype, name)?.value as
      | { readonly [PENDING]?: PendingMethod }
      | undefined;
    try {
      method?.[PENDING]?.bind(identity, prototype);
    } catch {
      // Another routine has taken the identity. It has a conflict now, which whoever finds it is told of.
    }
  }
}

/** The prototype, above the receiver, that has the method. */
function ownerOf(name: string, callable: object, receiver: unknown): object {
  let prototype: unknown =
    typeof receiver === "object" && receiver !== null ? Object.getPrototypeOf(receiver) : undefined;
  while (typeof prototype === "object" && prototype !== null) {
    if (Object.getOwnPropertyDescriptor(prototype, name)?.value === callable) return prototype;
    prototype = Object.getPrototypeOf(prototype);
  }
  throw new RoutineDeclarationError(
    `Cannot call the method '${name}' ${receiver === undefined ? "without its object" : "on an object that does not have it"}: write object.${name}(…), or object.${name}.with(options).call(object, …)`,
  );
}

function identityOf(prototype: object, name: string): string {
  const owner = portableByPrototype(prototype);
  if (owner !== undefined) return `${owner.id}.${name}`;
  const className = (prototype as { constructor: { name: string } }).constructor.name;
  throw new RoutineDeclarationError(
    `Cannot call '${className}.${name}': instances of '${className}' do not travel; mark the class with portable(${className})`,
  );
}
