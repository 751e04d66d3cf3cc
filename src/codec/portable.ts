/**
 * `portable()`: lets instances of a class travel. Finds the identity of the class and registers it; how
 * instances are written is up to `encode/value-writer.ts`. Runs once per class, at declaration.
 */
import { assertKnownOptions } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import { declarationSite } from "../identity/call-site.ts";
import { createDeclaration, type Declaration } from "../identity/declaration.ts";
import { declaredName } from "../identity/declared-name.ts";
import { assertIdentity } from "../identity/identity.ts";
import { moduleIdentity } from "../identity/package-root.ts";
import { platformClassOf } from "./platform-class.ts";
import { type DeclaredClass, portablesOf, registerPortable } from "./portable-registry.ts";
import { privateStateOf } from "./private-state.ts";

/** Names the static method that turns an instance into a value which can be sent: `static [encode](instance)`. Comes with {@link decode}. */
export const encode: unique symbol = Symbol.for("merino.encode") as never;

/** Names the static method that turns such a value back into an instance: `static [decode](value)`. Comes with {@link encode}. */
export const decode: unique symbol = Symbol.for("merino.decode") as never;

/** Settings of {@link portable}. */
export interface PortableOptions {
  /** Name of the class in its identity. Default: the class's own name. Set it if a minifier changes names. */
  readonly name?: string;
  /** Module that declares the class, `import.meta.url`. Default: the module that calls `portable()`. */
  readonly module?: string | URL;
  /** The whole identity, which is then used as it is. */
  readonly id?: string;
}

type AnyClass = abstract new (...parameters: never[]) => object;

const PORTABLE_OPTIONS: Readonly<Record<keyof PortableOptions, true>> = {
  name: true,
  module: true,
  id: true,
};

/**
 * Registers a class, so that its instances arrive at other workers as instances of it.
 *
 * An instance travels as its own enumerable fields and arrives without its constructor having run. A
 * class with private (`#`) members, with fields that cannot travel, or on top of a class of the platform,
 * says itself what to send, with static methods named {@link encode} and {@link decode}. Both sides must
 * import the module. Subclasses are registered on their own.
 *
 * @param Class The class, declared at the top level of a module.
 * @param context What a decorator is given, or the parts of the identity: `name`, `module`, `id`.
 * @returns The class, so that the call can wrap a class expression or be a decorator.
 * @throws RoutineDeclarationError (ERR_MERINO_ROUTINE_DECLARATION, fault: caller) if the class has no name, the module cannot be found, another class
 *   has the identity, or instances hold what no field shows (private members, the content of a class of the platform)
 *   and the class has no `[encode]`.
 * @throws InvalidOptionError (ERR_MERINO_INVALID_OPTION, fault: caller) for an option that does not exist or has a wrong type.
 * @example
 * export class Point {
 *   x = 0;
 *   y = 0;
 * }
 * portable(Point);
 *
 * export class Money {
 *   #cents = 0n;
 *   static [encode](money: Money): unknown { return money.#cents; }
 *   static [decode](cents: bigint): Money { const money = new Money(); money.#cents = cents; return money; }
 * }
 * portable(Money);
 */
export function portable<C extends AnyClass>(Class: C, context?: ClassDecoratorContext | PortableOptions): C {
  if (typeof Class !== "function" || typeof Class.prototype !== "object") {
    throw new RoutineDeclarationError(
      `Cannot register a portable class: expected a class, got ${nameOfKind(Class)}${remedyFor(Class, context)}`,
    );
  }
  if (isDecoratorContext(context)) {
    registerPortable(
      describe(declare(Class, context.name === undefined ? {} : { name: context.name }), Class),
    );
    // Its hooks may be static fields, which exist only once the class is complete.
    context.addInitializer(() => assertInstancesTravel(Class));
    return Class;
  }
  const options = resolvePortableOptions(context);
  assertInstancesTravel(Class);
  registerPortable(describe(declare(Class, options), Class));
  return Class;
}

function nameOfKind(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "function") return typeof value;
  return `the function '${value.name}', which makes no objects`;
}

/** What to do about a decorator in the wrong place, or of the wrong kind. */
function remedyFor(target: unknown, context: unknown): string {
  if (typeof context === "string" || typeof context === "symbol") {
    return `; it was used as a decorator of the member '${String(context)}' and marks classes only`;
  }
  if (typeof context === "object" && context !== null && "addInitializer" in context) {
    return "; it was used as a decorator of a member and marks classes only; a method is made a routine by @routine";
  }
  if (typeof target === "object" && target !== null && "elements" in target) {
    return "; decorators must be compiled in their standard form (in Babel: version 2023-11)";
  }
  return "";
}

function resolvePortableOptions(options: PortableOptions | undefined): PortableOptions {
  if (options === undefined) return {};
  if (typeof options === "string" || typeof options === "symbol") {
    throw new RoutineDeclarationError(
      `Cannot register a portable class: expected an object with options as the second argument, got ${typeof options}; a name is given as { name: ${JSON.stringify(String(options))} }, and as a decorator it marks classes only`,
    );
  }
  assertKnownOptions(options, PORTABLE_OPTIONS);
  const { name, id } = options;
  if (name !== undefined && (typeof name !== "string" || name === "")) {
    throw new InvalidOptionError("name", { value: name, expected: "the name of the class, as text" });
  }
  if (id !== undefined) {
    if (typeof id !== "string")
      throw new InvalidOptionError("id", { value: id, expected: "an identity, as text" });
    assertIdentity(id);
  }
  return options;
}

/** Classes of the platform whose instances are values that travel. */
const TRAVELS =
  /^(?:Array|Map|Set|Date|RegExp|URL|URLSearchParams|DOMException|ArrayBuffer|DataView|Buffer|\w+\d+(?:Clamped)?Array)$/;

/** Refuses a class whose instances hold what neither a field nor an `[encode]` shows. */
function assertInstancesTravel(Class: AnyClass): void {
  if (encode in Class) return;
  const cannot = `Cannot register the portable class '${Class.name}'`;
  const hooks =
    "give it static [encode] and [decode] methods, which say what to send and make an instance of it";
  const platform = platformClassOf(Class.prototype as object);
  if (platform?.exact === true && TRAVELS.test(platform.name)) {
    throw new RoutineDeclarationError(
      `${cannot}: it belongs to the platform; its instances travel as they are`,
    );
  }
  if (platform?.exact === true) {
    throw new RoutineDeclarationError(
      `${cannot}: it belongs to the platform, and what its instances hold is not in fields; instead of an instance, ${platform.advice}`,
    );
  }
  if (platform !== undefined) {
    throw new RoutineDeclarationError(
      `${cannot}: it extends ${platform.name}, whose content is not in fields; ${hooks}`,
    );
  }
  const hidden = inheritedPrivateState(Class);
  if (hidden !== undefined) {
    throw new RoutineDeclarationError(
      `${cannot}: it has ${hidden}, which cannot be seen from outside; ${hooks}`,
    );
  }
}

function inheritedPrivateState(Class: AnyClass): string | undefined {
  for (let level: unknown = Class; typeof level === "function"; level = Object.getPrototypeOf(level)) {
    const name = privateStateOf(level);
    if (name !== undefined) return level === Class ? name : `${name} from '${level.name}'`;
  }
  return undefined;
}

function describe(declaration: Declaration, constructor: AnyClass): DeclaredClass {
  const { id } = declaration;
  const statics = constructor as unknown as {
    [encode]?: (instance: object) => unknown;
    [decode]?: (value: unknown) => object;
  };
  let checked = false;
  // Looked up late: a decorator runs before the static fields of its class exist.
  const check = (): void => {
    if (checked) return;
    if ((statics[encode] === undefined) !== (statics[decode] === undefined)) {
      throw new RoutineDeclarationError(
        `Cannot use '${id}' as a portable class: it has one of static [encode] and [decode]; it needs both or neither`,
      );
    }
    checked = true;
  };
  return {
    id,
    constructor,
    get encode() {
      check();
      return statics[encode] === undefined ? undefined : (instance: object) => statics[encode]?.(instance);
    },
    get decode() {
      check();
      return statics[decode] === undefined
        ? undefined
        : (value: unknown) => statics[decode]?.(value) as object;
    },
    get copy() {
      return portablesOf(id).length > 1 ? declaration : undefined;
    },
    get conflict() {
      return declaration.conflict;
    },
    declaration,
  };
}

function declare(Class: AnyClass, options: PortableOptions): Declaration {
  if (options.id === undefined && (options.name ?? Class.name) === "") {
    throw new RoutineDeclarationError(
      "Cannot register a portable class: it has no name; write `class Name …` or pass { name }",
    );
  }
  const site = declarationSite(portable, options.module);
  const { module } = site;
  const id = options.id ?? `${moduleIdentity(module)}#${options.name ?? declaredName(Class.name, module)}`;
  return createDeclaration(Class, site, { id, isIdGiven: options.id !== undefined });
}

function isDecoratorContext(
  value: ClassDecoratorContext | PortableOptions | undefined,
): value is ClassDecoratorContext {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "class";
}
