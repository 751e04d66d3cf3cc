/** The option `warm` of whoever starts workers: values that they have before they serve. */
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import { declaredValue, type WarmValue } from "./worker-values.ts";

/**
 * Checks the option, and names the values for the processes of the workers.
 *
 * @throws {@link InvalidOptionError} for anything but values of `perWorker()`; {@link RoutineDeclarationError} for one that
 *   no worker finds.
 */
export function resolveWarm(warm: unknown): readonly WarmValue[] {
  if (warm === undefined) return [];
  if (!Array.isArray(warm)) {
    throw new InvalidOptionError("warm", {
      value: warm,
      expected: "an array of what perWorker() has returned",
    });
  }
  return warm.map((handle: unknown, index) => nameOf(handle, `warm[${index}]`));
}

function nameOf(handle: unknown, option: string): WarmValue {
  const value = typeof handle === "object" && handle !== null ? declaredValue(handle) : undefined;
  if (value === undefined) {
    throw new InvalidOptionError(option, { value: handle, expected: "what perWorker() has returned" });
  }
  const { id, site, copy, version, conflict } = value.declaration;
  if (conflict !== undefined) {
    throw new RoutineDeclarationError(`Cannot have workers make '${id}': ${conflict}`);
  }
  return { id, module: { url: site.module, copy: { copy, version } } };
}
