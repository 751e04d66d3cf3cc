/** Finds the routine of a task in this process, importing its module when the caller may ask for that. */
import { parseIdentity } from "../identity/identity.ts";
import { findRoutine, nearMisses } from "../identity/registry.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import { findMethodRoutine } from "../routine/method-routine.ts";
import type { RoutineRequest, RoutineResolver } from "../worker/routine-resolver.ts";
import type { ModuleLoader } from "./module-loader.ts";

/** Makes the resolver of a worker that imports modules on demand. */
export function createRoutineLoader(loader: ModuleLoader): RoutineResolver {
  /** Routines whose modules have been evaluated far enough, by the request that asked for them. */
  const resolved = new WeakMap<RoutineRequest, RoutineDefinition>();
  return {
    lookup: (request) => resolved.get(request),
    async resolve(request) {
      const definition = await load(loader, request);
      resolved.set(request, definition);
      return definition;
    },
  };
}

async function load(loader: ModuleLoader, request: RoutineRequest): Promise<RoutineDefinition> {
  const { id, mayImport } = request;
  const known = find(id);
  // Registered is not enough: its module may still be at a top-level await between the declaration and its end.
  const module =
    known?.module ??
    (known === undefined && mayImport && request.location !== "" ? request.location : undefined);
  if (module !== undefined) {
    if (!module.startsWith("file:")) throw new Error("its module is not a file");
    if (isTestFile(module)) throw new Error(explainTestFile(module));
    await loader.load(module, () => find(id) !== undefined);
  }
  const definition = find(id);
  if (definition === undefined) throw new Error(explainMiss(loader, request, module));
  return definition;
}

/** By the names that test runners look for; some of Node's own patterns are those of ordinary programs as well. */
function isTestFile(moduleUrl: string): boolean {
  const { pathname } = new URL(moduleUrl);
  return /\.(?:test|spec)\.[cm]?[jt]sx?$/.test(pathname) || pathname.includes("/__tests__/");
}

function explainTestFile(module: string): string {
  return `it is declared in the test file '${module}', whose import would register its tests in the worker; declare it in a module of its own, which the test imports`;
}

function find(id: string): RoutineDefinition | undefined {
  return findRoutine(id) ?? findMethodRoutine(id);
}

function explainMiss(loader: ModuleLoader, request: RoutineRequest, module: string | undefined): string {
  const { id, mayImport, location } = request;
  const near = nearMisses(id);
  const hint = near.length === 0 ? "" : `; the worker has ${near.map((name) => `'${name}'`).join(", ")}`;
  if (module === undefined) {
    if (!mayImport)
      return `the worker was not started with its module, and network callers cannot cause imports${hint}`;
    if (location === "") return `no worker has it, and it names no module to import${hint}`;
  }
  if (module !== undefined && loader.state(module) === "suspended") {
    return `it is declared after \`open()\` in '${module}', where workers stop; move it above${hint}`;
  }
  const name = parseIdentity(id)?.name ?? id;
  return `importing '${module ?? location}' did not declare '${name}'; declare it at the top level of that module, not inside a function or behind a condition${hint}`;
}

/**
 * Explains an error of a body that met a binding which its module never got to initialise, because the
 * module was suspended at `open()`.
 *
 * @returns The error, its message completed where that applies.
 */
export function explainSuspended(
  loader: ModuleLoader,
  definition: RoutineDefinition,
  error: unknown,
): unknown {
  if (!(error instanceof ReferenceError) || definition.module === undefined) return error;
  if (loader.state(definition.module) !== "suspended" || error.message.includes("open()")) return error;
  error.message = `${error.message}: in workers the module stops at its \`open()\`, and this is declared after it; move it above`;
  return error;
}
