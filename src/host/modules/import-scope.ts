/**
 * Marks code that runs because a worker imports a module: its top level, the functions it calls, and everything
 * that continues from there. A running body is outside of every such scope. `module-loader.ts` uses the mark to
 * decide about pools.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { processWide } from "../../internal/process-wide.ts";

/** The import that the current code belongs to. */
export interface ImportScope {
  /** `file:` URL of the module that the worker asked for; the code may be that of a module it imports. */
  readonly module: string;
}

const storage = processWide("host.import-scope", () => new AsyncLocalStorage<ImportScope>());

/** Runs a function, and everything asynchronous that it starts, as part of an import. */
export function runInImportScope<T>(scope: ImportScope, run: () => T): T {
  return storage.run(scope, run);
}

/** The import that the caller belongs to, or `undefined` outside of all. */
export function importScope(): ImportScope | undefined {
  return storage.getStore();
}
