/** Finds the routines of tasks among those that the program itself has declared. It imports nothing. */
import { identityFault } from "../../identity/identity.ts";
import { nearMisses } from "../../identity/near-misses.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import { knownRoutines } from "../../routine/known-routines.ts";
import type { Nack } from "../../wire/frames.ts";
import { createNack } from "../../wire/messages/nack.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import { chooseRoutine } from "../../worker/choose-routine.ts";
import type { RoutineRequest, RoutineResolver } from "../../worker/routine-resolver.ts";

/** The resolver of a worker within the program. */
export const localRoutines: RoutineResolver = {
  lookup,
  resolve({ id }) {
    // Whatever can be found is found at once.
    return Promise.reject(new Error(`'${id}' cannot be found in this program`));
  },
};

function lookup(request: RoutineRequest): RoutineDefinition | Nack {
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
