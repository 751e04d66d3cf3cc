/**
 * Takes over what the other end has changed of the variables of a branch: into the branch, and into what the other end is
 * known to know. Both are immutable maps, of which each change makes another.
 */
import type { Binding, Bindings } from "../../context/variables/bindings.ts";
import type { Branch } from "../../context/variables/branch.ts";
import { variableTraits } from "../../context/variables/variable-registry.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { warnOnce } from "../../internal/warn-once.ts";
import { type ContextChange, MAX_CONTEXT_CHANGES } from "../../wire/messages/context-changes.ts";
import { ReceivedBinding, type ValueOrigin } from "./received-binding.ts";

/** Where changes go. */
export interface ChangesTarget {
  readonly branch: Branch;
  /** What the other end knows of it. */
  readonly known: Bindings;
  /** Where they come from. */
  readonly origin: ValueOrigin;
}

/** Whether a change of the variable goes back from a body to its caller. */
export function comesBack({ name }: ContextChange): boolean {
  return variableTraits(name)?.back !== false;
}

/**
 * Goes on with what the other end has changed.
 *
 * @returns What that knows now.
 * @throws ProtocolError if it is too much.
 */
export function takeChanges(
  changes: readonly ContextChange[],
  { branch, known, origin }: ChangesTarget,
): Bindings {
  if (changes.length === 0) return known;
  const upToDate = known === branch.bindings;
  const bindings = new Map(branch.bindings);
  const knows = upToDate ? bindings : new Map(known);
  const taken = applyChanges(changes, bindings, origin);
  if (bindings.size > MAX_CONTEXT_CHANGES) {
    throw new ProtocolError(
      `A branch would have ${bindings.size} context variables, more than the ${MAX_CONTEXT_CHANGES} that travel`,
    );
  }
  if (!upToDate) {
    for (const [name, binding] of taken) {
      if (binding === undefined) knows.delete(name);
      else knows.set(name, binding);
    }
  }
  branch.bindings = bindings;
  return knows;
}

/**
 * As {@link takeChanges}, where others may change the same variables meanwhile: of that a warning tells. The branch of all
 * code outside any other takes nothing.
 */
export function mergeChanges(changes: readonly ContextChange[], target: ChangesTarget): Bindings {
  const { branch, known, origin } = target;
  const [first] = changes;
  if (first === undefined) return known;
  if (branch.isRoot) {
    warnOnce(
      "MERINO_CONTEXT_ROOT",
      `The routine '${origin.routine}' has set the context variable '${first.name}', which its caller does not see: outside any task, all calls of the process share their variables. Make the call in the run() of a variable, or in fork()`,
    );
    return known;
  }
  for (const { name } of changes) {
    const present = branch.bindings.get(name);
    if (present !== known.get(name)) warnOfRace(name, present, origin.routine);
  }
  return takeChanges(changes, target);
}

/** Puts changes into a map. @returns What each has become. */
export function applyChanges(
  changes: readonly ContextChange[],
  bindings: Map<string, Binding>,
  origin: ValueOrigin,
): readonly (readonly [string, Binding | undefined])[] {
  return changes.map((change) => {
    const { name, value } = change;
    const binding = value === undefined ? undefined : new ReceivedBinding(value, change, origin);
    if (binding === undefined) bindings.delete(name);
    else bindings.set(name, binding);
    return [name, binding] as const;
  });
}

/** Two of one branch have changed a variable at the same time. @param present What it has now, by the one. @param routine The other. */
export function warnOfRace(name: string, present: Binding | undefined, routine: string): void {
  const other = present instanceof ReceivedBinding ? `the routine '${present.routine}'` : "set() or reset()";
  warnOnce(
    "MERINO_CONTEXT_RACE",
    `The context variable '${name}' was changed at the same time by ${other} and by the routine '${routine}', both of one branch; what came last counts, '${routine}'. Make calls that run side by side and set the same variable in fork()`,
  );
}
