/** Modules as options name them: by URL, or by a path from the current directory. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";

/**
 * Makes the URL of a module that an option names. Does not check that the module exists; importing it does.
 *
 * @returns A `file:` URL.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION) for anything else than a `file:` URL or a path.
 */
export function moduleUrl(option: string, module: unknown): string {
  const text = module instanceof URL ? module.href : module;
  if (typeof text === "string" && text !== "" && !text.includes("\0")) {
    if (text.startsWith("file:") && URL.canParse(text)) return new URL(text).href;
    if (!/^[a-z][a-z0-9+.-]+:/i.test(text)) return pathToFileURL(resolve(text)).href;
  }
  throw new InvalidOptionError(option, { value: module, expected: "the file: URL or the path of a module" });
}

/** The same for several, in their order. */
export function moduleUrls(option: string, modules: unknown): readonly string[] {
  if (Array.isArray(modules)) return modules.map((module) => moduleUrl(option, module));
  throw new InvalidOptionError(option, { value: modules, expected: "an array of file URLs or paths" });
}
