/**
 * Which routines a worker's callers may call when they may not cause imports: those declared in the modules it
 * was started with, and those that these modules export. It decides by identity, imports nothing for a caller,
 * and never mentions a routine outside of the set.
 */
import { portableByPrototype } from "../../codec/portable-registry.ts";
import { moduleOf } from "../../identity/module-url.ts";
import { nearMisses } from "../../identity/near-misses.ts";
import { allRoutines, definitionOf } from "../../identity/registry.ts";
import type { DeclaredRoutine } from "../../identity/routine-definition.ts";
import { knownRoutines } from "../../routine/known-routines.ts";

/** Suggestions in one refusal. */
const MAX_SUGGESTIONS = 3;

/** The routines of some modules. */
export class ExposedRoutines {
  readonly #modules = new Set<string>();
  /** The routines that the modules export, wherever these were declared, by {@link nameOf}. */
  readonly #exported = new Set<string>();

  /**
   * Exposes the routines that a module declares, also later, and those that it exports now: routines, the
   * method routines of classes, and both of these inside a namespace that it re-exports.
   *
   * @param moduleUrl `file:` URL.
   * @param namespace The result of its import; absent for a module whose import never ends.
   * @returns How many routines callers can reach through this module.
   */
  add(moduleUrl: string, namespace: object | undefined): number {
    const module = moduleOf(moduleUrl) ?? moduleUrl;
    const exported = new Set<string>();
    if (namespace !== undefined) collectFromNamespace(namespace, exported, new Set());
    for (const name of exported) this.#exported.add(name);
    this.#modules.add(module);
    for (const definition of allRoutines()) {
      if (definition.module === module) exported.add(nameOf(definition));
    }
    return exported.size;
  }

  /** The routines of this identity that are exposed, one per copy of their package. */
  find(id: string): readonly DeclaredRoutine[] {
    return knownRoutines(id).filter((definition) => this.#includes(definition));
  }

  /** All that are exposed, by their identities; methods only once their classes have been used. */
  all(): readonly DeclaredRoutine[] {
    return allRoutines()
      .filter((definition) => this.#includes(definition))
      .sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  /** Exposed identities much like this one, the nearest first. */
  suggest(id: string): readonly string[] {
    return nearMisses(id, Number.POSITIVE_INFINITY)
      .filter((near) => this.find(near).length > 0)
      .slice(0, MAX_SUGGESTIONS);
  }

  #includes(definition: DeclaredRoutine): boolean {
    // By name, not by callable: a module evaluated again has replaced the callable that was exported.
    return this.#exported.has(nameOf(definition)) || this.#modules.has(definition.module ?? "");
  }
}

/** What a routine is called here, where several copies of its package may have one of its identity. */
function nameOf({ id, declaration }: DeclaredRoutine): string {
  return `${declaration.copy} ${id}`;
}

function collectFromNamespace(namespace: object, into: Set<string>, seen: Set<object>): void {
  if (seen.has(namespace)) return;
  seen.add(namespace);
  for (const name of Object.keys(namespace)) {
    const value = read(namespace, name);
    if (typeof value === "function") collectFromFunction(value, into);
    // `export * as jobs`; and the exports of a CommonJS module, which are its default export.
    else if (isNamespace(value) || (isObject(value) && (name === "default" || name === "module.exports")))
      collectFromNamespace(value, into, seen);
  }
}

/** A routine, or a class with routines for methods, its own and those it inherits. */
function collectFromFunction(exported: object, into: Set<string>): void {
  const definition = definitionOf(exported);
  if (definition !== undefined) {
    into.add(nameOf(definition));
    return;
  }
  for (let Class: object | null = exported; isClass(Class); Class = Object.getPrototypeOf(Class)) {
    for (const method of ownValues(Class)) {
      const statical = isObject(method) ? definitionOf(method) : undefined;
      if (statical !== undefined) into.add(nameOf(statical));
    }
    const owner = portableByPrototype(Class.prototype);
    if (owner === undefined) continue;
    for (const name of Object.getOwnPropertyNames(Class.prototype)) {
      for (const method of knownRoutines(`${owner.id}.${name}`)) into.add(nameOf(method));
    }
  }
}

function isClass(value: unknown): value is { readonly prototype: object } {
  return typeof value === "function" && isObject(read(value, "prototype"));
}

function isNamespace(value: unknown): value is object {
  return isObject(value) && Object.prototype.toString.call(value) === "[object Module]";
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" || typeof value === "function") && value !== null;
}

/** Values of data properties. Getters are not called, since they may do anything. */
function ownValues(object: object): readonly unknown[] {
  return Object.values(Object.getOwnPropertyDescriptors(object)).map((descriptor) => descriptor.value);
}

/** In a cycle of modules an export may not be readable yet; it is no routine then. */
function read(object: object, name: string): unknown {
  try {
    return (object as Readonly<Record<string, unknown>>)[name];
  } catch {
    return undefined;
  }
}
