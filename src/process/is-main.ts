/** Tells whether a module is the program that was started. */
import { moduleOf } from "../identity/call-site.ts";
import { workerRole } from "../internal/worker-role.ts";
import { entryModule } from "./entry-module.ts";

/**
 * Tells whether the module is the entry of this program. Always false in a worker, which may import the
 * same module only to find its routines.
 *
 * @param meta The module's `import.meta`.
 * @example
 * if (isMain(import.meta)) console.log("the program, not a worker");
 */
export function isMain(meta: ImportMeta): boolean {
  if (workerRole() !== undefined) return false;
  const module = moduleOf(meta.url);
  return module !== undefined && module === entryModule();
}
