/**
 * `portable()`: lets instances of a class travel. Finds the identity of the class and registers it; how
 * instances are written is not decided here. Runs once per class, at declaration.
 */
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import { declarationSite } from "../identity/call-site.ts";
import { declaredName } from "../identity/declared-name.ts";
import { moduleIdentity } from "../identity/package-root.ts";
import { registerPortable } from "./portable-registry.ts";
import type { PortableClass } from "./references.ts";

/** Names the static method that turns an instance into a value which can be sent: `static [encode](instance)`. Comes with {@link decode}. */
export const encode: unique symbol = Symbol.for("merino.encode") as never;

/** Names the static method that turns such a value back into an instance: `static [decode](value)`. Comes with {@link encode}. */
export const decode: unique symbol = Symbol.for("merino.decode") as never;

/** Settings of {@link portable}. */
export interface PortableOptions {
  /** Name of the class in its identity. Default: the class's own name. Set it where a minifier changes names. */
  readonly name?: string;
  /** Module that declares the class, `import.meta.url`. Default: the module that calls `portable()`. */
  readonly module?: string | URL;
  /** The whole identity, which is then used as it is. */
  readonly id?: string;
}

type AnyClass = abstract new (...parameters: never[]) => object;

/** Built-in classes whose instances have state that fields do not show. */
const OPAQUE: readonly { readonly prototype: object; readonly name: string }[] = [
  Map,
  Set,
  WeakMap,
  WeakSet,
  WeakRef,
  Array,
  Date,
  RegExp,
  Promise,
  ArrayBuffer,
  SharedArrayBuffer,
  DataView,
  Object.getPrototypeOf(Uint8Array) as Uint8ArrayConstructor,
  URL,
  URLSearchParams,
  EventTarget,
  Boolean,
  Number,
  String,
  BigInt,
  Symbol,
  Function,
];

/**
 * Registers a class, so that its instances arrive at other workers as instances of it.
 *
 * An instance travels as its own enumerable fields and arrives without its constructor having run. A
 * class with private (`#`) fields, or with fields that cannot travel, says itself what to send, with
 * static methods named {@link encode} and {@link decode}. Both sides must import the module. Subclasses
 * are registered on their own.
 *
 * @param Class The class, declared at the top level of a module.
 * @param context What a decorator is given, or the parts of the identity: `name`, `module`, `id`.
 * @returns The class, so that the call can wrap a class expression or be a decorator.
 * @throws RoutineDeclarationError (ERR_MERINO_ROUTINE_DECLARATION, fault: caller) if the class has no name, the module cannot be found, another class
 *   has the identity, or the class extends a built-in one and has no `[encode]`.
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
  if (typeof Class !== "function") {
    throw new RoutineDeclarationError(
      `Cannot register a portable class: expected a class, got ${Class === null ? "null" : typeof Class}`,
    );
  }
  const options: PortableOptions = isDecoratorContext(context)
    ? context.name === undefined
      ? {}
      : { name: context.name }
    : (context ?? {});
  refuseOpaque(Class);
  registerPortable(describe(options.id ?? identityOf(Class, options), Class));
  return Class;
}

function describe(id: string, constructor: AnyClass): PortableClass {
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
  };
}

function identityOf(Class: AnyClass, options: PortableOptions): string {
  if ((options.name ?? Class.name) === "") {
    throw new RoutineDeclarationError(
      "Cannot register a portable class: it has no name; write `class Name …` or pass { name }",
    );
  }
  const { module } = declarationSite(portable, options.module);
  return `${moduleIdentity(module)}#${options.name ?? declaredName(Class.name, module)}`;
}

function isDecoratorContext(
  value: ClassDecoratorContext | PortableOptions | undefined,
): value is ClassDecoratorContext {
  return value !== undefined && "kind" in value && value.kind === "class";
}

function refuseOpaque(Class: AnyClass): void {
  if (encode in Class) return;
  const builtIn = OPAQUE.find(({ prototype }) =>
    Object.prototype.isPrototypeOf.call(prototype, Class.prototype as object),
  );
  if (builtIn === undefined) return;
  throw new RoutineDeclarationError(
    `Cannot register the portable class '${Class.name}': it extends ${builtIn.name}, whose content is not in fields; give it static [encode] and [decode] methods`,
  );
}
