/**
 * The context variables declared in this process, by identity: one registry for all copies of the package. Values are
 * kept by identity, so a variable declared anew, by a module that is evaluated again, has those of the one before.
 */
import { RoutineDeclarationError } from "../../errors/routine-declaration-error.ts";
import { type Declaration, takesPlaceOf } from "../../identity/declaration.ts";
import { processWide } from "../../internal/process-wide.ts";

/** A declared variable, as what carries it needs to know it. */
export interface VariableTraits {
  /** Whether what a body sets comes back to its caller. */
  readonly back: boolean;
  /** Whether a value that cannot travel stays behind, where it otherwise fails the call. */
  readonly lenient: boolean;
}

interface DeclaredVariable extends VariableTraits {
  readonly declaration: Declaration;
}

interface Registry {
  /** The variables of each identity, one per copy of the package. */
  readonly byId: Map<string, readonly DeclaredVariable[]>;
}

const registry = processWide("context.variables", (): Registry => ({ byId: new Map() }));

/**
 * Registers a variable.
 *
 * @throws {@link RoutineDeclarationError} if another variable has its identity.
 */
export function registerVariable(variable: DeclaredVariable): void {
  const { declaration } = variable;
  const known = registry.byId.get(declaration.id) ?? [];
  const sameCopy = known.find((other) => other.declaration.copy === declaration.copy);
  if (sameCopy !== undefined && !takesPlaceOf(sameCopy.declaration, declaration, "context variable")) return;
  if (declaration.conflict !== undefined) {
    throw new RoutineDeclarationError(
      `Cannot declare the context variable '${declaration.id}': ${declaration.conflict}`,
    );
  }
  registry.byId.set(declaration.id, [...known.filter((other) => other !== sameCopy), variable]);
}

/** The variable of an identity, if one is declared in this process; of several copies the last. */
export function variableTraits(id: string): VariableTraits | undefined {
  return registry.byId.get(id)?.at(-1);
}
