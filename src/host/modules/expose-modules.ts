/**
 * Imports the modules that a worker is started with, and exposes their routines. A module may have none, and only set
 * something up; a worker that can be called for none at all is refused as a mistake.
 */
import { RoutineDeclarationError } from "../../errors/routine-declaration-error.ts";
import { shownModule } from "../../internal/shown-module.ts";
import { ExposedRoutines } from "./exposed-routines.ts";
import type { ModuleLoader } from "./module-loader.ts";

/** Whether a worker is of use without a routine in its modules. */
export interface ExposeModulesOptions {
  /** Whether callers on this host may cause the import of further modules. */
  readonly importOnDemand: boolean;
}

/**
 * Imports modules one after the other, in the order given.
 *
 * @param modules `file:` URLs.
 * @returns The routines that callers may call.
 * @throws Error naming the module whose import fails or takes too long; {@link RoutineDeclarationError} naming all of
 *   them, if none has a routine to call and nothing else can be called either.
 */
export async function exposeModules(
  loader: ModuleLoader,
  modules: readonly string[],
  { importOnDemand }: ExposeModulesOptions,
): Promise<ExposedRoutines> {
  const exposed = new ExposedRoutines();
  let count = 0;
  for (const module of modules) {
    await loader.load(module);
    count += exposed.add(module, loader.exportsOf(module));
  }
  if (count === 0 && !importOnDemand) {
    const names = modules.map((module) => `'${shownModule(module)}'`).join(" and ");
    throw new RoutineDeclarationError(
      `Cannot serve ${names}: no routine is declared or exported there; declare one with routine() at the top level`,
    );
  }
  return exposed;
}
