/** Looks up routines and portable classes in this process's registries for the codec. */

import { portableByConstructor, portableById, portableByPrototype } from "../codec/portable-registry.ts";
import type { PortableClass, References, RoutineReference } from "../codec/references.ts";
import { RoutineNotFoundError } from "../errors/routine-not-found-error.ts";
import { chooseCopy, copyOfModule, type PackageCopy } from "../identity/copies.ts";
import { allRoutines, definitionOf, routinesOf } from "../identity/registry.ts";
import type { DeclaredRoutine, RoutineDefinition } from "../identity/routine-definition.ts";
import { boundRoutine, createCallable } from "./callable.ts";
import { isUnboundMethod } from "./method-routine.ts";

/** Stand-ins made here, so that they can be passed on. */
const standIns = new WeakMap<object, RoutineDefinition>();

/** The same stand-in for the same routine, so that its calls share a definition; bounded, the oldest goes first. */
const standInsByKey = new Map<string, object>();
const MAX_STAND_INS = 1_000;
/** Longer than any usual identity with its module's URL. One that is longer has a stand-in for each time that it comes. */
const MAX_KEY_LENGTH = 2_000;

/** The references of this process. Stateless. */
export const processReferences: References = {
  describeRoutine(candidate: object): RoutineReference | undefined {
    const definition = definitionOf(candidate) ?? standIns.get(candidate);
    if (definition === undefined) return undefined;
    const { id, module, kind, declaration } = definition;
    return { id, module, generator: kind === "generator", conflict: declaration?.conflict };
  },
  explainFunction(candidate: object): string | undefined {
    const bound = boundRoutine(candidate);
    if (bound !== undefined) {
      return `it is the routine '${bound.name}' bound to options by with(); send '${bound.name}' itself, and set options where it is called`;
    }
    if (isUnboundMethod(candidate)) {
      return `it is a method of an object, which would arrive without it; send the object, and call its method '${(candidate as { name: string }).name}' there`;
    }
    const body = allRoutines().find((definition) => definition.body === candidate);
    return body === undefined
      ? undefined
      : `it is the body of the routine '${body.name}', not the routine; send what routine() has returned`;
  },
  resolveRoutine(reference: RoutineReference): unknown {
    return knownRoutine(reference)?.routine ?? standInFor(reference);
  },
  portableByPrototype(prototype: object): PortableClass | undefined {
    return portableByPrototype(prototype);
  },
  portableByConstructor(constructor: object): PortableClass | undefined {
    return portableByConstructor(constructor);
  },
  portableById(id: string, copy?: PackageCopy, module?: string): PortableClass | undefined {
    return portableById(id, copy, module);
  },
};

/** The routine that is meant, if this process has it: the one of the same copy of its package, as its module shows. */
function knownRoutine({ id, module }: RoutineReference): DeclaredRoutine | undefined {
  const candidates = routinesOf(id);
  if (candidates.length === 0 || module === undefined) return chooseCopy(candidates, undefined);
  const copy = copyOfModule(module);
  const exact = candidates.find((known) => known.module === module || known.declaration.copy === copy);
  if (exact !== undefined) return exact;
  // Installed for one side and not for the other: a build and its source, or a package that is linked.
  const [only] = candidates;
  return candidates.length === 1 && (copy === "" || only?.declaration.copy === "") ? only : undefined;
}

function standInFor(reference: RoutineReference): object {
  const key = `${reference.generator ? "*" : ""}${reference.id} ${reference.module ?? ""}`;
  if (key.length > MAX_KEY_LENGTH) return standIn(reference);
  let callable = standInsByKey.get(key);
  if (callable === undefined) {
    callable = standIn(reference);
    if (standInsByKey.size >= MAX_STAND_INS) {
      const oldest = standInsByKey.keys().next();
      if (oldest.done !== true) standInsByKey.delete(oldest.value);
    }
    standInsByKey.set(key, callable);
  }
  return callable;
}

/** A routine whose module is not loaded here: it can be called and passed on, but not run locally. */
function standIn(reference: RoutineReference): object {
  const body = (): never => {
    throw new RoutineNotFoundError(
      reference.id,
      "its module is not loaded in this process; import it to run the body here",
    );
  };
  const definition: RoutineDefinition = {
    id: reference.id,
    name: reference.id.slice(reference.id.lastIndexOf("#") + 1),
    module: reference.module,
    kind: reference.generator ? "generator" : "function",
    body,
    declaredIn: undefined,
    timeoutMs: undefined,
    get routine(): object {
      return callable;
    },
  };
  const callable: object = createCallable(definition, body, definition.kind);
  standIns.set(callable, definition);
  return callable;
}
