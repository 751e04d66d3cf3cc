/**
 * Finds the routine of a task in this process, importing its module when the caller may ask for that. A caller
 * that may not is restricted to the exposed routines, and is told at once, by the head of its task.
 */
import { minifiedHint } from "../../identity/declaration.ts";
import { identityFault, parseIdentity } from "../../identity/identity.ts";
import { nearMisses } from "../../identity/near-misses.ts";
import { findRoutine } from "../../identity/registry.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import { findMethodRoutine } from "../../routine/method-routine.ts";
import type { Nack } from "../../wire/frames.ts";
import { createNack } from "../../wire/messages/nack.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import type { RoutineRequest, RoutineResolver } from "../../worker/routine-resolver.ts";
import { ExposedRoutines } from "./exposed-routines.ts";
import { type IdentityMapping, mappedIdentities } from "./identity-map.ts";
import type { ModuleLoader } from "./module-loader.ts";

/** Which routines and imports callers may ask for. */
export interface RoutineLoaderOptions {
  /** The routines for callers that cannot cause imports. Default: none. */
  readonly exposed?: ExposedRoutines | undefined;
  /** Whether callers on this host may cause imports; network callers never can. Default true. */
  readonly importOnDemand?: boolean | undefined;
  /** Directories whose modules count as the same. Default: none. */
  readonly mappings?: readonly IdentityMapping[] | undefined;
}

/** Makes the resolver of a worker. */
export function createRoutineLoader(
  loader: ModuleLoader,
  options: RoutineLoaderOptions = {},
): RoutineResolver {
  const { exposed = new ExposedRoutines(), importOnDemand = true, mappings = [] } = options;
  const isRestricted = ({ mayImport }: RoutineRequest): boolean => !mayImport || !importOnDemand;

  function lookup(request: RoutineRequest): RoutineDefinition | Nack | undefined {
    const known = request.definition;
    if (known !== undefined && known.declaration?.conflict === undefined) return known;
    const restricted = isRestricted(request);
    const fault = identityFault(request.id);
    if (fault !== undefined) {
      return createNack(
        restricted ? NackCode.NOT_EXPOSED : NackCode.UNKNOWN_ROUTINE,
        `no routine can be called so: ${fault}`,
      );
    }
    if (!restricted) return undefined;
    const definition = firstOf(request.id, mappings, (id) => exposed.find(id));
    if (definition === undefined) return createNack(NackCode.NOT_EXPOSED, explainHidden(exposed, request.id));
    // The network need not know where it is declared.
    if (definition.declaration?.conflict !== undefined)
      return createNack(
        NackCode.UNKNOWN_ROUTINE,
        "the worker has declared several routines of that identity",
      );
    request.definition = definition;
    return definition;
  }

  return {
    lookup,
    async resolve(request) {
      if (isRestricted(request)) throw new Error(explainHidden(exposed, request.id)); // lookup has refused it
      const definition = await load(loader, mappings, request);
      request.definition = definition;
      return definition;
    },
  };
}

async function load(
  loader: ModuleLoader,
  mappings: readonly IdentityMapping[],
  request: RoutineRequest,
): Promise<RoutineDefinition> {
  const find = (): RoutineDefinition | undefined => firstOf(request.id, mappings, findAny);
  const known = find();
  // Registered is not enough: its module may still be at a top-level await between the declaration and its end.
  const module =
    known?.module ?? (known === undefined && request.location !== "" ? request.location : undefined);
  if (module !== undefined) {
    if (!module.startsWith("file:")) throw new Error("its module is not a file");
    if (isTestFile(module)) throw new Error(explainTestFile(module));
    await loader.load(module, () => find() !== undefined);
  }
  const definition = find();
  if (definition === undefined) throw new Error(explainMiss(loader, request, module));
  const conflict = definition.declaration?.conflict;
  if (conflict !== undefined) throw new Error(`in the worker, ${conflict}`);
  return definition;
}

/** The first result for an identity, or else for one that the mappings equate with it. */
function firstOf(
  id: string,
  mappings: readonly IdentityMapping[],
  find: (id: string) => RoutineDefinition | undefined,
): RoutineDefinition | undefined {
  const exact = find(id);
  if (exact !== undefined) return exact;
  for (const other of mappedIdentities(id, mappings)) {
    const definition = find(other);
    if (definition !== undefined) return definition;
  }
  return undefined;
}

function findAny(id: string): RoutineDefinition | undefined {
  return findRoutine(id) ?? findMethodRoutine(id);
}

function explainHidden(exposed: ExposedRoutines, id: string): string {
  return `this worker serves only what the modules it was started with declare or export${listed(exposed.suggest(id))}`;
}

/** Suggestions, as the end of a sentence. */
function listed(near: readonly string[]): string {
  return near.length === 0 ? "" : `; the worker has ${near.map((name) => `'${name}'`).join(", ")}`;
}

/**
 * Recognises test files by the names that test runners look for, except patterns of Node's that ordinary programs
 * match as well.
 */
function isTestFile(moduleUrl: string): boolean {
  const { pathname } = new URL(moduleUrl);
  return /\.(?:test|spec)\.[cm]?[jt]sx?$/.test(pathname) || pathname.includes("/__tests__/");
}

function explainTestFile(module: string): string {
  return `it is declared in the test file '${module}', whose import would register its tests in the worker; declare it in a module of its own, which the test imports`;
}

function explainMiss(loader: ModuleLoader, request: RoutineRequest, module: string | undefined): string {
  const { id, location } = request;
  const hint = listed(nearMisses(id));
  if (module === undefined && location === "") {
    return `no worker has it, and it names no module to import${hint}`;
  }
  if (module !== undefined && loader.state(module) === "suspended") {
    return `it is declared after \`open()\` in '${module}', where workers stop; move it above${hint}`;
  }
  const name = parseIdentity(id)?.name ?? id;
  return `importing '${module ?? location}' did not declare '${name}'; declare it at the top level of that module, not inside a function or behind a condition${hint}${minifiedHint(id)}`;
}

/**
 * Explains an error of a body that met a binding which its module never got to initialise, because the
 * module was suspended at `open()`.
 *
 * @returns The error, with the explanation added if it applies.
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
