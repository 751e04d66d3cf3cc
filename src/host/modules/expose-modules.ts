/**
 * Imports the modules that a worker is started with, and exposes their routines. A module without any routine is
 * refused as a mistake.
 */
import { ExposedRoutines } from "./exposed-routines.ts";
import type { ModuleLoader } from "./module-loader.ts";

/**
 * Imports modules one after the other, in the order given.
 *
 * @param modules `file:` URLs.
 * @returns The routines that callers may call.
 * @throws Error naming the module whose import fails or takes too long, or that has no routine to call.
 */
export async function exposeModules(
  loader: ModuleLoader,
  modules: readonly string[],
): Promise<ExposedRoutines> {
  const exposed = new ExposedRoutines();
  for (const module of modules) {
    await loader.load(module);
    // A program's entry stays suspended at the line that opens its pool: its import never yields its exports.
    const namespace = loader.state(module) === "loaded" ? ((await import(module)) as object) : undefined;
    if (exposed.add(module, namespace) === 0) {
      throw new Error(
        `Cannot serve '${module}': it declares no routine and exports none; declare them with routine() at its top level`,
      );
    }
  }
  return exposed;
}
