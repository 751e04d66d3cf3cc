/**
 * The routines this process knows, by identity and by callable. It is one per process, whichever copy of the
 * package asks. `declaration.ts` decides which declarations may share an identity. Nothing is imported here.
 */
import { processWide } from "../internal/process-wide.ts";
import { takesPlaceOf } from "./declaration.ts";
import type { DeclaredRoutine } from "./routine-definition.ts";

interface Registry {
  /** The routines of each identity, one per copy of the package; the last declared is the last. */
  readonly byId: Map<string, readonly DeclaredRoutine[]>;
  readonly byCallable: WeakMap<object, DeclaredRoutine>;
}

const registry = processWide(
  "identity.routines",
  (): Registry => ({ byId: new Map(), byCallable: new WeakMap() }),
);

const NONE: readonly DeclaredRoutine[] = [];

/**
 * Records a routine. One declared again in a later evaluation of its module replaces the earlier.
 *
 * @throws {@link RoutineDeclarationError} if a different routine already has the identity.
 */
export function registerRoutine(definition: DeclaredRoutine): void {
  const { byId, byCallable } = registry;
  const { declaration } = definition;
  const known = byId.get(definition.id) ?? [];
  const sameCopy = known.find((other) => other.declaration.copy === declaration.copy);
  if (sameCopy === undefined || takesPlaceOf(sameCopy.declaration, declaration, "routine")) {
    byId.set(definition.id, [...known.filter((other) => other !== sameCopy), definition]);
  }
  byCallable.set(definition.routine, definition);
}

/** The routines that have an identity, one per copy of their package; the last declared is the last. */
export function routinesOf(id: string): readonly DeclaredRoutine[] {
  return registry.byId.get(id) ?? NONE;
}

/** The definition of a callable; `undefined` for anything but a routine. Replaced routines are known too. */
export function definitionOf(callable: object): DeclaredRoutine | undefined {
  return registry.byCallable.get(callable);
}

/** Every routine, in order of first declaration. */
export function allRoutines(): readonly DeclaredRoutine[] {
  return Array.from(registry.byId.values()).flat();
}

/** The identities of all routines, in order of first declaration. */
export function routineIdentities(): Iterable<string> {
  return registry.byId.keys();
}
