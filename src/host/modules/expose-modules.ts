/** Imports the modules that a worker is started with, and exposes their routines. One that offers none is a mistake. */
import { ExposedRoutines } from "./exposed-routines.ts";
import type { ModuleLoader } from "./module-loader.ts";

/**
 * Imports modules one after the other, in the order given.
 *
 * @param modules `file:` URLs.
 * @returns What callers may call.
 * @throws Error naming the module whose import fails or takes too long, or that has no routine to call.
 */
export async function exposeModules(
  loader: ModuleLoader,
  modules: readonly string[],
): Promise<ExposedRoutines> {
  const exposed = new ExposedRoutines();
  for (const module of modules) {
    await loader.load(module);
    // The entry of a program stays suspended where it opens its pool: its import never gives its exports.
    const namespace = loader.state(module) === "loaded" ? ((await import(module)) as object) : undefined;
    if (exposed.add(module, namespace) === 0) {
      throw new Error(
        `Cannot serve '${module}': it declares no routine and exports none; declare them with routine() at its top level`,
      );
    }
  }
  return exposed;
}
