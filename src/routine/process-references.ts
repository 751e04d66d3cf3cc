/** Looks up routines and portable classes in this process's registries for the codec. */

import { portableByConstructor, portableById, portableByPrototype } from "../codec/portable-registry.ts";
import type { PortableClass, References, RoutineReference } from "../codec/references.ts";
import { chooseCopy, copyOfModule, type PackageCopy } from "../identity/copies.ts";
import { allRoutines, definitionOf, routinesOf } from "../identity/registry.ts";
import type { DeclaredRoutine } from "../identity/routine-definition.ts";
import { boundRoutine } from "./callable.ts";
import { isUnboundMethod } from "./method-routine.ts";
import { standInDefinition, standInFor, taintedStandInFor } from "./stand-ins.ts";

/** The references of this process. Stateless. */
export const processReferences: References = {
  describeRoutine(candidate: object): RoutineReference | undefined {
    const definition = definitionOf(candidate) ?? standInDefinition(candidate);
    if (definition === undefined) return undefined;
    const { id, module, kind, declaration, tainted } = definition;
    return { id, module, generator: kind === "generator", conflict: declaration?.conflict, tainted };
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
    if (reference.tainted === true) return taintedStandInFor(reference);
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
