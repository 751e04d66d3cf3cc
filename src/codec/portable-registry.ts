/**
 * The classes registered as portable in this process, by identity, constructor and prototype: one registry
 * for all copies of the package. The codec reaches it only through its `References`.
 */
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import { processWide } from "../internal/process-wide.ts";
import type { PortableClass } from "./references.ts";

type Constructor = PortableClass["constructor"];

interface Registry {
  readonly byId: Map<string, PortableClass>;
  /** By constructor, and by its prototype. Classes replaced by a later evaluation stay: their instances may live on. */
  readonly byObject: WeakMap<object, PortableClass>;
}

const registry = processWide(
  "portable-classes",
  (): Registry => ({ byId: new Map(), byObject: new WeakMap() }),
);

/**
 * Registers a class under its identity. The same declaration evaluated again replaces the class.
 *
 * @throws {@link RoutineDeclarationError} if another class, by its source text, has the identity.
 */
export function registerPortable(portable: PortableClass): void {
  const { id, constructor } = portable;
  const { byId, byObject } = registry;
  const known = byId.get(id);
  if (
    known !== undefined &&
    known.constructor !== constructor &&
    sourceOf(known.constructor) !== sourceOf(constructor)
  ) {
    throw new RoutineDeclarationError(
      `Cannot register '${id}' as a portable class: another class has that identity; give one of them a name of its own with portable(Class, { name })`,
    );
  }
  byId.set(id, portable);
  byObject.set(constructor, portable);
  byObject.set(constructor.prototype as object, portable);
}

/** The registration of a class itself; subclasses have none unless registered too. */
export function portableByConstructor(constructor: object): PortableClass | undefined {
  return registry.byObject.get(constructor);
}

/** The registration of the class with exactly this prototype. */
export function portableByPrototype(prototype: object): PortableClass | undefined {
  return registry.byObject.get(prototype);
}

/** The class registered under an identity. */
export function portableById(id: string): PortableClass | undefined {
  return registry.byId.get(id);
}

function sourceOf(constructor: Constructor): string {
  return Function.prototype.toString.call(constructor);
}
