/**
 * Imports the modules that declare routines, in a worker. It knows how far each import has come, and decides
 * about pools that are opened in a worker. `routine-loader.ts` and `expose-modules.ts` decide which modules are
 * imported at all.
 *
 * A module is imported at most once. The program's entry module counts as imported far enough when it opens a
 * pool, because from there on it is the caller's program, and stays suspended. Code that continues from an
 * import belongs to that import for good: a program that starts itself from a module other than the entry, and
 * opens its pool only after some `await`, would otherwise start workers without end.
 */
import { RoutineDeclarationError } from "../../errors/routine-declaration-error.ts";
import { modulesOnStack } from "../../identity/call-site.ts";
import { moduleOf } from "../../identity/module-url.ts";
import { createDeferred, type Deferred } from "../../internal/deferred.ts";
import { errorText } from "../../internal/error-text.ts";
import { importModule } from "../../internal/import-module.ts";
import { type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import type { OpenVerdict } from "../../internal/worker-role.ts";
import { startHooksRun } from "../../state/worker-hooks.ts";
import { ImportFailedError } from "../../worker/import-failed-error.ts";
import { importScope, runInImportScope } from "./import-scope.ts";
import { placeSyntaxError } from "./syntax-error-place.ts";
import {
  ensureTypeScript,
  preferredRequireHook,
  requireHookFor,
  tsxFor,
  typeScriptAdvice,
} from "./typescript-support.ts";

/** How far the import of a module has come. */
export type ModuleState =
  /** Never asked for. */
  | "unknown"
  | "loading"
  /** It is the entry and has opened a pool; declarations below that line are never reached. */
  | "suspended"
  | "loaded"
  /**
   * Its import was rejected; see `failure()`. Its declarations from before that exist and must not run: the rest of
   * the module, on which they may rely, has not been evaluated and never will be in this process.
   */
  | "failed";

/** Imports modules for one worker. */
export interface ModuleLoader {
  /**
   * Imports a module, or waits until it has been imported far enough for its routines to run: until its import
   * has settled, or until it has opened a pool if it is the entry. Callers share one import.
   *
   * @param moduleUrl `file:` URL.
   * @param isRegistered Tells whether the routine that the caller needs has been declared. If it has, `load`
   *   resolves even though the import waits for the suspended entry and cannot get any further.
   * @throws {@link ImportFailedError} whose `cause` is the import's error; or saying that the import takes too long,
   *   for instance because a top-level `await` never settles. Error if it waits for the suspended entry.
   */
  load(moduleUrl: string, isRegistered?: () => boolean): Promise<void>;
  /** Decides about a pool that is being opened. If that suspends the entry, callers waiting for the entry go on. */
  onOpen(): OpenVerdict;
  state(moduleUrl: string): ModuleState;
  /** Why a module's import was rejected; `undefined` if it was not. */
  failure(moduleUrl: string): unknown;
  /** What a module that is loaded exports, whatever has loaded it; `undefined` if it is not. */
  exportsOf(moduleUrl: string): object | undefined;
}

/** Told which imports are under way, so that an importing worker is not mistaken for one that a body blocks. */
export interface ImportObserver {
  /**
   * An import is about to begin, and may hold the thread.
   *
   * @param module `file:` URL.
   * @param limitMs How long it may take.
   */
  begun(module: string, limitMs: number): void;
  /** It has settled, or was given up, or its routines may run. @param isLoaded Whether it has succeeded. */
  ended(module: string, isLoaded: boolean): void;
}

/** Settings of a loader. */
export interface ModuleLoaderOptions {
  /** `file:` URL of the entry module of the program that started the worker, if it has one. */
  readonly entry: string | undefined;
  /** Milliseconds an import may take. Default 30 000. */
  readonly importTimeoutMs?: number | undefined;
  /** Default: nobody is told. */
  readonly observer?: ImportObserver | undefined;
  /** Where time comes from; a parameter for tests. */
  readonly queue?: DeadlineQueue;
}

interface ImportRecord {
  state: ModuleState;
  failure: unknown;
  exports: object | undefined;
  /** Whether it waits for the suspended entry, and so will never settle. */
  blocked: boolean;
  /** Resolved once routines of the module can run or its import was rejected; rejected when waiting is given up. */
  readonly reached: Deferred<void>;
}

const DEFAULT_IMPORT_TIMEOUT_MS = 30_000;

/** How long the modules around a suspended entry may take to finish, before they count as waiting for it. */
const SUSPENSION_GRACE_MS = 1_000;

/** Makes the loader of a worker. It holds deadlines only while imports are under way. */
export function createModuleLoader(options: ModuleLoaderOptions): ModuleLoader {
  const { importTimeoutMs = DEFAULT_IMPORT_TIMEOUT_MS, observer, queue = deadlines } = options;
  const entry = moduleOf(options.entry);
  const records = new Map<string, ImportRecord>();

  function begin(module: string): ImportRecord {
    const record = createRecord("loading");
    records.set(module, record);
    const late = queue.after(importTimeoutMs, () => {
      observer?.ended(module, false);
      record.reached.reject(tooLong(module, importTimeoutMs, suspended()));
    });
    const settle = (state: "loaded" | "failed", failure?: unknown): void => {
      queue.cancel(late);
      // A suspended CommonJS entry does reach its end, although its pool never opened.
      if (record.state !== "loading") return;
      record.state = state;
      record.failure = failure;
      observer?.ended(module, state === "loaded");
      record.reached.resolve();
    };
    observer?.begun(module, importTimeoutMs);
    void importInScope(module, entry).then(
      async (exports) => {
        // A module of CommonJS may be nothing but a function.
        record.exports = typeof exports === "function" ? { default: exports } : ((exports ?? {}) as object);
        await startHooksRun()?.catch((error: unknown) => settle("failed", error));
        settle("loaded");
      },
      (error: unknown) => placeSyntaxError(error, module).finally(() => settle("failed", error)),
    );
    void record.reached.promise.finally(() => queue.cancel(late)).catch(() => {});
    return record;
  }

  /** The entry, if it is suspended. */
  function suspended(): string | undefined {
    return entry !== undefined && records.get(entry)?.state === "suspended" ? entry : undefined;
  }

  function suspend(module: string, importing: string): void {
    const record = records.get(module) ?? createRecord("suspended");
    records.set(module, record);
    const imported = record.state === "loading";
    record.state = "suspended";
    // What the lines above have begun may end the process in this turn, a port that is taken for instance: no routine
    // is to have started by then.
    setImmediate(() => {
      const late = queue.after(importTimeoutMs, () =>
        record.reached.reject(tooLong(module, importTimeoutMs)),
      );
      void (startHooksRun() ?? Promise.resolve())
        .catch((error: unknown) => {
          record.state = "failed";
          record.failure = error;
        })
        .finally(() => {
          queue.cancel(late);
          if (imported) observer?.ended(module, record.state === "suspended");
          record.reached.resolve();
        });
    });
    // A module that imports the entry waits for ever, if the entry awaits the pool at its top level.
    const outer = records.get(importing);
    if (outer === undefined || outer === record || outer.state !== "loading") return;
    const late = queue.after(SUSPENSION_GRACE_MS, () => {
      outer.blocked = true;
      observer?.ended(importing, false);
      outer.reached.reject(waitsForEntry(importing, module));
    });
    void outer.reached.promise.finally(() => queue.cancel(late)).catch(() => {});
  }

  const loader: ModuleLoader = {
    async load(moduleUrl, isRegistered = () => false) {
      const module = moduleOf(moduleUrl);
      if (module === undefined) throw new Error(`Cannot import '${moduleUrl}': it is not the URL of a file`);
      const record = records.get(module) ?? begin(module);
      try {
        await record.reached.promise;
      } catch (error) {
        // An import that was given up may still end; a blocked one has declared all it ever will.
        if (record.state === "loading" && !(record.blocked && isRegistered())) throw error;
        if (record.state === "suspended") throw error; // what is to run as the worker starts has not ended
      }
      if (record.state === "failed") throw importFailed(module, record.failure, entry);
    },
    onOpen() {
      const scope = importScope();
      if (scope === undefined) return "allowed";
      if (entry === undefined) return "refuse";
      if (scope.module !== entry && !modulesOnStack(loader.onOpen).includes(entry)) return "refuse";
      suspend(entry, scope.module);
      return "suspend";
    },
    state: (moduleUrl) => records.get(moduleOf(moduleUrl) ?? "")?.state ?? "unknown",
    failure: (moduleUrl) => records.get(moduleOf(moduleUrl) ?? "")?.failure,
    exportsOf(moduleUrl) {
      const record = records.get(moduleOf(moduleUrl) ?? "");
      // A program's entry stays suspended at the line that opens its pool.
      return record?.state === "loaded" ? record.exports : undefined;
    },
  };
  return loader;
}

async function importInScope(module: string, entry: string | undefined): Promise<unknown> {
  await ensureTypeScript(module, entry);
  const load = preferredRequireHook(module);
  if (load !== undefined) return runInImportScope({ module }, load);
  // Not awaited, so that the stack of a module's error has no line of this.
  return runInImportScope({ module }, () => importModule(module)).catch(async (error: unknown) => {
    const loadInstead = requireHookFor(module, error) ?? (await tsxFor(module, error));
    if (loadInstead === undefined) throw error;
    return runInImportScope({ module }, loadInstead);
  });
}

function createRecord(state: ModuleState): ImportRecord {
  const reached = createDeferred();
  // Whoever calls load() sees the rejection; there may be nobody at the moment.
  reached.promise.catch(() => {});
  return { state, failure: undefined, exports: undefined, blocked: false, reached };
}

function importFailed(module: string, cause: unknown, entry: string | undefined): Error {
  const advice =
    module === entry
      ? "; lines above open() run in every worker; see isMain"
      : typeScriptAdvice(module, cause, entry);
  return new ImportFailedError(`Cannot import '${module}': ${errorText(cause)}${advice}`, { cause });
}

function tooLong(module: string, timeoutMs: number, entry?: string): Error {
  const hint =
    entry === undefined || entry === module
      ? "a top-level await in it, or in a module it imports, does not settle, or a function given to onWorkerStart()"
      : `a top-level await does not settle, or it imports '${entry}', which has opened a pool and is suspended here`;
  return new ImportFailedError(
    `Cannot import '${module}': it has not finished within ${timeoutMs} ms; ${hint}`,
  );
}

function waitsForEntry(module: string, entry: string): Error {
  return new RoutineDeclarationError(
    `Cannot import '${module}': it imports '${entry}', which opens a pool at its top level and is suspended in ` +
      "workers; declare routines in a module that does not import the program's entry",
  );
}
