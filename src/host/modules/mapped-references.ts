/**
 * References under the names that callers use, if these differ from this worker's names by their directory: see
 * `identity-map.ts`. Only for values that arrive; values sent have the worker's own names.
 */
import type { References } from "../../codec/references.ts";
import { routinesOf } from "../../identity/registry.ts";
import { type IdentityMapping, mappedIdentities } from "./identity-map.ts";

/** Wraps references so that an unknown identity is looked up under those equated with it. */
export function mapReferences(references: References, mappings: readonly IdentityMapping[]): References {
  if (mappings.length === 0) return references;
  return {
    describeRoutine: (candidate) => references.describeRoutine(candidate),
    explainFunction: (candidate) => references.explainFunction?.(candidate),
    resolveRoutine(reference) {
      const known =
        routinesOf(reference.id).length === 0
          ? mappedIdentities(reference.id, mappings).find((id) => routinesOf(id).length > 0)
          : undefined;
      return references.resolveRoutine(known === undefined ? reference : { ...reference, id: known });
    },
    portableByPrototype: (prototype) => references.portableByPrototype(prototype),
    portableByConstructor: (constructor) => references.portableByConstructor(constructor),
    portableById(id, copy, module) {
      const exact = references.portableById(id, copy, module);
      if (exact !== undefined) return exact;
      for (const other of mappedIdentities(id, mappings)) {
        const found = references.portableById(other, copy, module);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}
