/** `perWorker()`: declares a value that each worker has once, for all calls on it. */
import { assertDuration, assertFunction, assertKnownOptions } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { declarationSite } from "../identity/call-site.ts";
import { createDeclaration } from "../identity/declaration.ts";
import { formatIdentity } from "../identity/identity.ts";
import { moduleIdentity } from "../identity/package-root.ts";
import { type MakeContext, WorkerValue } from "./worker-value.ts";
import { registerValue } from "./worker-values.ts";

/** How a value of workers is made and disposed of. */
export interface PerWorkerOptions<T> {
  /**
   * Disposes of the value when the worker ends in order, after its calls have ended: the values made last first, and all
   * of them within two seconds. Not called in a worker that crashes or is killed. Default: nothing is done.
   */
  readonly dispose?: ((value: T) => unknown) | undefined;
  /** Milliseconds that making it may take; > 0, `Infinity` for no limit. Default 60 000. */
  readonly timeout?: number | undefined;
  /** The module that declares it, as `import.meta.url`. Default: found from the call site. */
  readonly module?: string | URL | undefined;
}

/** A value that each worker has once: a model, a connection, a parser. */
export interface PerWorker<T> extends AsyncDisposable {
  /** Its name within its module. */
  readonly name: string;
  /** Its identity, `<package>/<module>#<name>`. */
  readonly id: string;
  /**
   * Gives the value of this worker, or of this process if it is none. The first call makes it, and those that come
   * meanwhile wait for the same.
   *
   * @throws What the function that makes it throws. The next call after that tries again, after a pause that grows from
   *   0.1 to 30 seconds.
   * @throws {@link WorkerStateError} (ERR_MERINO_WORKER_STATE, fault: routine) if making it takes too long, if it waits
   *   for itself, or if the worker is ending.
   * @throws The reason of `currentTask().signal`, if that fires meanwhile.
   */
  get(): Promise<T>;
  /** Disposes of the value of this process now, if there is one: for tests. The next `get()` makes another. */
  [Symbol.asyncDispose](): Promise<void>;
}

const OPTIONS: Readonly<Record<keyof PerWorkerOptions<unknown>, true>> = {
  dispose: true,
  timeout: true,
  module: true,
};

const DEFAULT_TIMEOUT_MS = 60_000;

/**
 * Declares a value that each worker makes once, when a call first asks for it or, with the option `warm` of a pool, before
 * the worker serves. Outside of workers there is one per process.
 *
 * Declare it at the top level of a module, as routines are. Nothing is made by declaring it.
 *
 * @param name Its name, unique within its module.
 * @param make Makes the value, synchronously or not. Its `signal` fires when the value is not wanted any more.
 * @param options `dispose`: what is done with it at the worker's end. `timeout`: milliseconds for making it, default
 *   60 000. `module`: the declaring module, where it cannot be found from the stack.
 * @returns What gives the value: `get()`.
 * @throws {@link RoutineDeclarationError} (ERR_MERINO_ROUTINE_DECLARATION, fault: caller) when another one has its name.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, fault: caller) for a bad option.
 * @example
 * const words = perWorker("words", async () => new Set(["dog", "cat"]));
 * export const knows = routine(async function knows(word: string) {
 *   return (await words.get()).has(word);
 * });
 */
export function perWorker<T>(
  name: string,
  make: (context: MakeContext) => T | PromiseLike<T>,
  options: PerWorkerOptions<T> = {},
): PerWorker<T> {
  if (typeof name !== "string" || name === "" || name.includes("#")) {
    throw new InvalidOptionError("name", {
      value: name,
      expected: "a text that is not empty and has no '#'",
    });
  }
  if (typeof make !== "function") {
    throw new InvalidOptionError("make", { value: make, expected: "a function that makes the value" });
  }
  assertKnownOptions(options, OPTIONS);
  const { dispose, timeout: timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  assertFunction("dispose", dispose, "a function that takes the value");
  assertDuration("timeout", timeoutMs, { above: 0 });
  const site = declarationSite(perWorker, options.module);
  const id = formatIdentity(moduleIdentity(site.module), name);
  const declaration = createDeclaration(make, site, { id, isIdGiven: false });
  const value = new WorkerValue({ id, make, dispose, timeoutMs });
  const handle: PerWorker<T> = {
    name,
    id,
    get: () => value.get(),
    [Symbol.asyncDispose]: () => value.drop(),
  };
  const before = registerValue(handle, { name, declaration, get: handle.get, drop: () => value.drop() });
  if (before !== undefined) value.replace(before);
  return handle;
}
