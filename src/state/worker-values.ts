/**
 * The values of workers that are declared in this process, by identity: one registry for all copies of the package. Here
 * they are found for a worker that is to have them before it serves.
 */
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import { chooseCopy, type PackageCopy } from "../identity/copies.ts";
import { type Declaration, takesPlaceOf } from "../identity/declaration.ts";
import { moduleOf } from "../identity/module-url.ts";
import { processWide } from "../internal/process-wide.ts";

/** A declared value. */
export interface DeclaredValue {
  readonly name: string;
  readonly declaration: Declaration;
  /** @throws As `WorkerValue.get`. */
  get(): Promise<unknown>;
  drop(): Promise<void>;
}

/** Names a value that a worker is to have before it serves. Data only. */
export interface WarmValue {
  /** Its identity; of a worker of the command, its name will do. */
  readonly id: string;
  /** `file:` URL of the module that declares it, and which copy of the package that is in. Absent: it is loaded. */
  readonly module?: { readonly url: string; readonly copy: PackageCopy } | undefined;
}

interface Registry {
  /** The values of each identity, one per copy of the package. */
  readonly byId: Map<string, readonly DeclaredValue[]>;
  /** By what `perWorker()` has returned. */
  readonly byObject: WeakMap<object, DeclaredValue>;
}

const registry = processWide("state.values", (): Registry => ({ byId: new Map(), byObject: new WeakMap() }));

/**
 * Registers a value.
 *
 * @param handle What users have of it.
 * @returns What an earlier evaluation of its module has declared in its place.
 * @throws {@link RoutineDeclarationError} if another value has its identity, or a function declares it again and again.
 */
export function registerValue(handle: object, value: DeclaredValue): DeclaredValue | undefined {
  const { declaration } = value;
  const { byId, byObject } = registry;
  const known = byId.get(declaration.id) ?? [];
  const before = known.find((other) => other.declaration.copy === declaration.copy);
  byObject.set(handle, value);
  if (before !== undefined && !takesPlaceOf(before.declaration, declaration, "value of workers"))
    return undefined;
  if (declaration.conflict !== undefined) {
    throw new RoutineDeclarationError(
      `Cannot declare the value of workers '${declaration.id}': ${declaration.conflict}`,
    );
  }
  byId.set(declaration.id, [...known.filter((other) => other !== before), value]);
  return before;
}

/** The declaration of what `perWorker()` has returned; `undefined` for anything else. */
export function declaredValue(candidate: object): DeclaredValue | undefined {
  return registry.byObject.get(candidate);
}

/** The value that is meant, if this process has it. */
export function findValue({ id, module }: WarmValue): DeclaredValue | undefined {
  if (module === undefined) {
    const named = allValues().filter(({ name, declaration }) => declaration.id === id || name === id);
    return named.length === 1 ? named[0] : undefined;
  }
  const candidates = registry.byId.get(id) ?? [];
  const url = moduleOf(module.url);
  return (
    candidates.find(({ declaration }) => declaration.site.module === url) ??
    chooseCopy(candidates, module.copy)
  );
}

/** Every value, in order of first declaration. */
export function allValues(): readonly DeclaredValue[] {
  return [...registry.byId.values()].flat();
}
