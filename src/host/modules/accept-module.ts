/**
 * Loads a worker's backpressure hook from a module, since a function cannot cross into another process.
 * `worker/accept-hook.ts` checks the hook's answers.
 */
import { inspect } from "node:util";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import type { AcceptHook } from "../../worker/accept-hook.ts";
import type { ModuleLoader } from "./module-loader.ts";

/**
 * Imports a module and takes its hook: the export `accept`, or else the default export.
 *
 * @param moduleUrl `file:` URL.
 * @throws Error if the module cannot be imported; {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option
 *   `accept`, fault: caller) if it exports no function by either name, or one that answers with a promise.
 */
export async function loadAcceptHook(loader: ModuleLoader, moduleUrl: string): Promise<AcceptHook> {
  await loader.load(moduleUrl);
  const namespace = (loader.exportsOf(moduleUrl) ?? {}) as Readonly<Record<string, unknown>>;
  const hook = namespace.accept ?? hookOf(namespace.default);
  if (typeof hook !== "function") {
    throw new InvalidOptionError("accept", {
      value: moduleUrl,
      expected: `a module that exports a function as 'accept' or by default (it exports ${namesOf(namespace)})`,
    });
  }
  if (/^\[object (?:Async|Generator|AsyncGenerator)Function\]$/.test(Object.prototype.toString.call(hook))) {
    throw new InvalidOptionError("accept", {
      value: moduleUrl,
      expected: "a module whose hook is a plain function, which answers true or false at once",
    });
  }
  return hook as AcceptHook; // `worker/accept-hook.ts` checks every answer
}

/** The default export of a CommonJS module is everything it exports. */
function hookOf(exported: unknown): unknown {
  if (typeof exported !== "object" || exported === null) return exported;
  const { accept, default: inner } = exported as { readonly accept?: unknown; readonly default?: unknown };
  return accept ?? inner;
}

function namesOf(namespace: object): string {
  const names = Object.keys(namespace);
  return names.length === 0 ? "nothing" : inspect(names, { breakLength: Number.POSITIVE_INFINITY });
}
