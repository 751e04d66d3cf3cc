/**
 * `routines()`: the routines of a module that this process does not load, by the names that its type has. They are what a
 * routine is that has come from another process of this user on this host: an identity, and the module that declares it.
 * What a worker makes of a name it decides by that alone, as for any routine.
 */
import { existsSync } from "node:fs";
import type { CallOptions } from "../context/dispatcher.ts";
import { assertKnownOptions } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import { formatIdentity } from "../identity/identity.ts";
import { moduleOf } from "../identity/module-url.ts";
import { moduleIdentity } from "../identity/package-root.ts";
import { processWide } from "../internal/process-wide.ts";
import { processReferences } from "./process-references.ts";

/** What every routine has. */
interface AnyRoutine {
  readonly id: string;
  readonly local: unknown;
  with(options: CallOptions): unknown;
}

/** Names that mean something for any object, which whoever gets one may ask for. */
type NoName = "default" | "then" | "toJSON" | keyof typeof Object.prototype;

/** The routines that a module exports. */
export type ModuleRoutines<M> = {
  readonly [K in keyof M as K extends NoName ? never : M[K] extends AnyRoutine ? K : never]: M[K];
};

/** The names of those that answer with a stream. */
export type ModuleGenerators<M> = {
  readonly [K in keyof ModuleRoutines<M> as ModuleRoutines<M>[K] extends (
    ...parameters: never[]
  ) => AsyncGenerator<unknown, unknown, never>
    ? K
    : never]: true;
};

/** What a type cannot tell a program that runs. */
export interface ModuleRoutinesOptions<M> {
  /** Which of them are generators: each name of them, with `true`. The compiler knows whether one is missing. */
  readonly generators: ModuleGenerators<M>;
}

const NOT_NAMES: ReadonlySet<string> = new Set([
  "default",
  "then",
  "toJSON",
  ...Object.getOwnPropertyNames(Object.prototype),
]);

/** Modules whose routines this program has in this way. */
const modules = processWide("routine.worker-modules", (): Set<string> => new Set());

/** Whether the program itself imports a module for a call, where it runs bodies: it has said so by {@link routines}. */
export function isForWorkers(moduleUrl: string): boolean {
  return modules.has(moduleOf(moduleUrl) ?? "");
}

/**
 * Gives the routines of a module without loading it here: workers do, when the first of them is called. For code that is
 * large, or slow to load, and that callers do not need.
 *
 * A name is checked by the worker that is called: what the module does not declare under it is refused with
 * {@link RoutineNotFoundError}. Routines have to be exported under the names that they are declared with.
 *
 * @param module The module, as `new URL("./heavy.ts", import.meta.url)`. Where that has been compiled, and only the file
 *   that was made of it is there, it is that one.
 * @param options Which of its routines are generators; required if there are any.
 * @returns An object whose properties are its routines. `local` runs a body only where the module is loaded.
 * @throws {@link RoutineDeclarationError} (ERR_MERINO_ROUTINE_DECLARATION, fault: caller) if the module is no file.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, fault: caller) for a bad option.
 * @example
 * // const heavy = routines<typeof import("./heavy.ts")>(new URL("./heavy.ts", import.meta.url));
 * // await heavy.resize(image);
 */
export function routines<M extends object>(
  module: URL | string,
  ...options: keyof ModuleGenerators<M> extends never
    ? [options?: ModuleRoutinesOptions<M>]
    : [options: ModuleRoutinesOptions<M>]
): ModuleRoutines<M> {
  const [given = { generators: {} }] = options;
  assertKnownOptions(given, { generators: true });
  const generators = resolveGenerators(given.generators);
  const url = moduleOf(String(built(module)));
  if (url === undefined) {
    throw new RoutineDeclarationError(
      `Cannot name the routines of '${String(module)}': it is neither a 'file:' URL nor an absolute path; write routines<typeof import("./heavy.ts")>(new URL("./heavy.ts", import.meta.url))`,
    );
  }
  modules.add(url);
  const identity = moduleIdentity(url);
  const get = (_: object, name: string | symbol): unknown => {
    if (typeof name === "symbol" || NOT_NAMES.has(name)) return undefined;
    const id = formatIdentity(identity, name);
    return processReferences.resolveRoutine({ id, module: url, generator: generators.has(name) });
  };
  const refuse = (): never => {
    throw new TypeError("The routines of a module cannot be changed here");
  };
  const target: object = Object.create(null);
  // The type has the names, which nothing here can list.
  return new Proxy(target, {
    get,
    set: refuse,
    defineProperty: refuse,
    setPrototypeOf: refuse,
  }) as ModuleRoutines<M>;
}

function resolveGenerators(generators: unknown): ReadonlySet<string> {
  if (typeof generators !== "object" || generators === null || Array.isArray(generators)) {
    throw new InvalidOptionError("generators", {
      value: generators,
      expected: "an object with the names of generators, as { lines: true }",
    });
  }
  for (const [name, value] of Object.entries(generators)) {
    if (value !== true) throw new InvalidOptionError(`generators.${name}`, { value, expected: "true" });
  }
  return new Set(Object.keys(generators));
}

/** The file that a compiler has made of a source which is not there. */
function built(module: URL | string): URL | string {
  const source = /\.([cm]?)tsx?$/.exec(String(module));
  const path = source === null ? undefined : moduleOf(String(module));
  if (source === null || path === undefined || existsSync(new URL(path))) return module;
  const made = path.replace(/\.[cm]?tsx?$/, `.${source[1]}js`);
  return existsSync(new URL(made)) ? made : module;
}
