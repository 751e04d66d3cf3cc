/** The call of a routine as a value, for who hands it to a dispatcher of their own choice. */
import type { CallRequest } from "../context/dispatcher.ts";
import { currentScope } from "../context/scope.ts";
import { definitionOf } from "../identity/registry.ts";
import { inBlock } from "./call-block.ts";
import { assertCallOptions, assertRepeatable } from "./call-options.ts";
import { assertWithoutConflict, boundOptions, boundRoutine } from "./callable.ts";
import { standInDefinition } from "./stand-ins.ts";

/**
 * Makes the call that a routine would make here.
 *
 * @param candidate The routine, or what its `with()` has returned.
 * @returns `undefined` if it is neither, or a method.
 * @throws {@link InvalidOptionError} for a bad option of `with()`; {@link RoutineDeclarationError} for a routine that no
 *   worker finds.
 */
export function routineCall(candidate: object, parameters: readonly unknown[]): CallRequest | undefined {
  const routine = boundRoutine(candidate) ?? candidate;
  const definition = definitionOf(routine) ?? standInDefinition(routine);
  if (definition === undefined || definition.owner !== undefined) return undefined;
  const options = boundOptions(candidate);
  if (options !== undefined) {
    assertCallOptions(options);
    assertRepeatable(options, definition.repetition !== undefined);
  }
  assertWithoutConflict(definition);
  const scope = currentScope();
  const block = scope?.callOptions;
  return {
    definition,
    receiver: undefined,
    parameters,
    options: inBlock(block, options),
    block,
    parent: scope?.task,
    trace: scope?.traceContext,
  };
}
