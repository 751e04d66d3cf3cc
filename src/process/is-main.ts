/** Tells whether a module is the program that was started. */
import { entryModule } from "./entry-module.ts";
import { workerRole } from "../internal/worker-role.ts";

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
  const url = new URL(meta.url);
  url.search = "";
  url.hash = "";
  return url.href === entryModule();
}
