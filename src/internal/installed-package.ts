/** Where a package that is not among the dependencies is installed, if it is. */
import { createRequire } from "node:module";
import { dirname } from "node:path";

/**
 * Finds the directory of a package as a module would that imports it. The name is a parameter, so that no bundler takes
 * the place where it is given for an import.
 *
 * @param from Path or URL of the module.
 * @throws Node's error (ERR_MODULE_NOT_FOUND or MODULE_NOT_FOUND) if it is not installed there.
 */
export function installedPackage(name: string, from: string | URL): string {
  return dirname(createRequire(from).resolve(`${name}/package.json`));
}
