/**
 * The classes registered as portable in this process, by identity, constructor and prototype: one registry
 * for all copies of the package. Classes come here through `portable()` in `portable.ts`. The codec reaches it only
 * through its `References`. `identity/declaration.ts` decides which classes may share an identity.
 */
import {
  chooseCopy,
  chooseVisible,
  isSameVersion,
  listCopies,
  type PackageCopy,
} from "../identity/copies.ts";
import { type Declaration, takesPlaceOf } from "../identity/declaration.ts";
import { processWide } from "../internal/process-wide.ts";
import type { PortableClass } from "./references.ts";

/** A portable class with its declaration. */
export interface DeclaredClass extends PortableClass {
  readonly declaration: Declaration;
}

interface Registry {
  /** The classes of each identity, one per copy of the package; the last declared is the last. */
  readonly byId: Map<string, readonly DeclaredClass[]>;
  /** By constructor, and by its prototype. Classes replaced by a later evaluation stay: their instances may live on. */
  readonly byObject: WeakMap<object, DeclaredClass>;
}

const registry = processWide(
  "portable-classes",
  (): Registry => ({ byId: new Map(), byObject: new WeakMap() }),
);

const NONE: readonly DeclaredClass[] = [];

/**
 * Registers a class under its identity. One declared again in a later evaluation of its module replaces the earlier.
 *
 * @throws {@link RoutineDeclarationError} if another class has the identity.
 */
export function registerPortable(portable: DeclaredClass): void {
  const { id, constructor, declaration } = portable;
  const { byId, byObject } = registry;
  const known = byId.get(id) ?? [];
  const sameCopy = known.find((other) => other.declaration.copy === declaration.copy);
  if (sameCopy?.constructor === constructor) return;
  if (sameCopy === undefined || takesPlaceOf(sameCopy.declaration, declaration, "portable class")) {
    byId.set(id, [...known.filter((other) => other !== sameCopy), portable]);
  }
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

/**
 * The class registered under an identity.
 *
 * @param copy Which one, if the sender has several.
 * @param module URL of the module whose routine the value is for or from, if that is known.
 * @returns With a conflict, if there are several here and nothing tells which one is meant.
 */
export function portableById(id: string, copy?: PackageCopy, module?: string): PortableClass | undefined {
  const candidates = portablesOf(id);
  const isOne = candidates.length === 1;
  // Before copies of one version are taken for equal: their code may be, but each has a class of its own.
  const visible =
    copy === undefined && module !== undefined && !isOne ? chooseVisible(candidates, module) : undefined;
  const found = visible ?? chooseCopy(candidates, copy);
  if (found === undefined) {
    const last = candidates.at(-1);
    return last === undefined ? undefined : ambiguous(last, candidates);
  }
  // A sender that has several means one of them, and not whatever is here.
  if (copy !== undefined && found.declaration.copy !== copy.copy && !isSameVersion(found, copy))
    return undefined;
  return found;
}

/** The classes registered under an identity, one per copy of their package; the last declared is the last. */
export function portablesOf(id: string): readonly DeclaredClass[] {
  return registry.byId.get(id) ?? NONE;
}

/** A class that stands for several. */
function ambiguous(one: DeclaredClass, all: readonly DeclaredClass[]): PortableClass {
  return {
    id: one.id,
    constructor: one.constructor,
    encode: undefined,
    decode: undefined,
    conflict: `several copies of its package are loaded (${listCopies(all)}), and the sender, which has one, does not say which`,
  };
}
