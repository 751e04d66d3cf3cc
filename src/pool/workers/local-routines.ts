/**
 * Finds the routines of tasks among those that the program itself has declared. It imports nothing but modules whose
 * routines the program has by `routines()`: those it leaves to workers, and here it is the worker.
 */
import { identityFault } from "../../identity/identity.ts";
import { nearMisses } from "../../identity/near-misses.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import { errorText } from "../../internal/error-text.ts";
import { importModule } from "../../internal/import-module.ts";
import { knownRoutines } from "../../routine/known-routines.ts";
import { isForWorkers } from "../../routine/worker-routines.ts";
import { startHooksRun } from "../../state/worker-hooks.ts";
import type { Nack } from "../../wire/frames.ts";
import { createNack } from "../../wire/messages/nack.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import { chooseRoutine } from "../../worker/choose-routine.ts";
import { ImportFailedError } from "../../worker/import-failed-error.ts";
import type { RoutineRequest, RoutineResolver } from "../../worker/routine-resolver.ts";

/** The resolver of a worker within the program. */
export const localRoutines: RoutineResolver = {
  lookup,
  async resolve(request) {
    const { location } = request;
    try {
      await importModule(location);
      await startHooksRun();
    } catch (cause) {
      throw new ImportFailedError(`Cannot import '${location}': ${errorText(cause)}`, { cause });
    }
    const definition = find(request);
    if ("code" in definition) throw new Error(definition.reason);
    return definition;
  },
};

function lookup(request: RoutineRequest): RoutineDefinition | Nack | undefined {
  const { id, location } = request;
  // Empty where nothing may be imported.
  const isLeftOut = location !== "" && isForWorkers(location) && knownRoutines(id).length === 0;
  return isLeftOut ? undefined : find(request);
}

function find(request: RoutineRequest): RoutineDefinition | Nack {
  const known = request.definition;
  if (known !== undefined && known.declaration?.conflict === undefined) return known;
  const { id, mayImport } = request;
  if (!mayImport) {
    return createNack(
      NackCode.NOT_EXPOSED,
      "its caller has it from the network, as a value, and nothing may run under such a name here; import its module where the call is made, and call the routine itself",
    );
  }
  const fault = identityFault(id);
  if (fault !== undefined) return unknown(`no routine can be called so: ${fault}`);
  const definition = chooseRoutine(knownRoutines(id), request);
  if (definition === undefined) {
    const near = nearMisses(id).map((name) => `'${name}'`);
    const hint = near.length === 0 ? "" : `; it has ${near.join(", ")}`;
    return unknown(`this program has not declared it, or several copies of its package have${hint}`);
  }
  const { conflict } = definition.declaration;
  if (conflict !== undefined) return unknown(conflict);
  request.definition = definition;
  return definition;
}

function unknown(detail: string): Nack {
  return createNack(NackCode.UNKNOWN_ROUTINE, detail);
}
