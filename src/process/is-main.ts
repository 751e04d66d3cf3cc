/** Tells whether a module is the program that was started. */

import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { moduleOf } from "../identity/module-url.ts";
import { workerRole } from "../internal/worker-role.ts";
import { entryModule } from "./launch/entry-module.ts";

/**
 * Tells whether the module is the entry of this program. Always false in a worker, which may import the
 * same module only to find its routines.
 *
 * @param meta The module's `import.meta`.
 * @throws {@link InvalidOptionError} for anything else.
 * @example
 * if (isMain(import.meta)) console.log("the program, not a worker");
 */
export function isMain(meta: ImportMeta): boolean {
  const url: unknown = (meta as ImportMeta | undefined)?.url;
  if (typeof url !== "string") {
    throw new InvalidOptionError("meta", { value: meta, expected: "the module's `import.meta`" });
  }
  if (workerRole() !== undefined) return false;
  const module = moduleOf(url);
  return module !== undefined && module === entryModule();
}
