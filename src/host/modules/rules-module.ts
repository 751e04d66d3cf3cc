/** Loads the rules of a worker from a module: those with functions cannot cross into another process. */
import { inspect } from "node:util";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import type { AccessRule } from "../../worker/access/access-rules.ts";
import type { ModuleLoader } from "./module-loader.ts";

/**
 * Imports a module and takes its rules: the export `rules`, or else the default export.
 *
 * @param moduleUrl `file:` URL.
 * @throws Error if the module cannot be imported; {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option
 *   `rules`, fault: caller) if it exports no array by either name.
 */
export async function loadRules(loader: ModuleLoader, moduleUrl: string): Promise<readonly AccessRule[]> {
  await loader.load(moduleUrl);
  const namespace = (loader.exportsOf(moduleUrl) ?? {}) as Readonly<Record<string, unknown>>;
  const rules = namespace.rules ?? rulesOf(namespace.default);
  if (Array.isArray(rules)) return rules as readonly AccessRule[]; // `AccessRules` checks each of them
  const names = Object.keys(namespace);
  throw new InvalidOptionError("rules", {
    value: moduleUrl,
    expected: `a module that exports an array as 'rules' or by default (it exports ${names.length === 0 ? "nothing" : inspect(names, { breakLength: Number.POSITIVE_INFINITY })})`,
  });
}

/** The default export of a CommonJS module is everything it exports. */
function rulesOf(exported: unknown): unknown {
  if (typeof exported !== "object" || exported === null || Array.isArray(exported)) return exported;
  const { rules, default: inner } = exported as { readonly rules?: unknown; readonly default?: unknown };
  return rules ?? inner;
}
