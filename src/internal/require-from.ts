/**
 * Node's `require` as a module elsewhere would have it. All of the library's uses come here: bundlers evaluate a call of
 * `createRequire` where they recognise one, and put nothing in its place.
 */
import Module from "node:module";
import { dirname } from "node:path";

/** The `require` of a module. @param module Path or URL. */
export function requireFrom(module: string | URL): NodeJS.Require {
  return Module.createRequire(module);
}

/**
 * Finds the directory of a package as a module would that imports it. The name is a parameter, so that no bundler takes
 * the place where it is given for an import.
 *
 * @param from Path or URL of the module.
 * @throws Node's error (ERR_MODULE_NOT_FOUND or MODULE_NOT_FOUND) if it is not installed there.
 */
export function installedPackage(name: string, from: string | URL): string {
  return dirname(requireFrom(from).resolve(`${name}/package.json`));
}
