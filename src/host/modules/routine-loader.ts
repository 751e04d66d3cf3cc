/**
 * Finds the routine of a task in this process, importing its module when the caller may ask for that. A caller
 * that may not is restricted to the exposed routines, and is told at once, by the head of its task.
 */
import { chooseCopy, isSameVersion, listCopies } from "../../identity/copies.ts";
import { minifiedHint } from "../../identity/declaration.ts";
import { identityFault, parseIdentity } from "../../identity/identity.ts";
import { nearMisses } from "../../identity/near-misses.ts";
import { definitionOf } from "../../identity/registry.ts";
import type { DeclaredRoutine, RoutineDefinition } from "../../identity/routine-definition.ts";
import { sourcePath } from "../../identity/source-place.ts";
import { knownRoutines } from "../../routine/known-routines.ts";
import type { Nack } from "../../wire/frames.ts";
import { createNack } from "../../wire/messages/nack.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import { chooseRoutine, isOfFile, wantedCopy } from "../../worker/choose-routine.ts";
import type { RoutineRequest, RoutineResolver } from "../../worker/routine-resolver.ts";
import { ExposedRoutines } from "./exposed-routines.ts";
import { type IdentityMapping, mappedIdentities } from "./identity-map.ts";
import type { ModuleLoader } from "./module-loader.ts";
import { OwnProject } from "./own-project.ts";

/** Which routines and imports callers may ask for. */
export interface RoutineLoaderOptions {
  /** The routines for callers that cannot cause imports. Default: none. */
  readonly exposed?: ExposedRoutines | undefined;
  /** Whether callers on this host may cause imports; network callers never can. Default true. */
  readonly importOnDemand?: boolean | undefined;
  /** Directories whose modules count as the same. Default: none. */
  readonly mappings?: readonly IdentityMapping[] | undefined;
  /** What it was started for: it imports modules of that only. Default: nothing is known of it. */
  readonly project?: OwnProject | undefined;
}

/** Makes the resolver of a worker. */
export function createRoutineLoader(
  loader: ModuleLoader,
  options: RoutineLoaderOptions = {},
): RoutineResolver {
  const {
    exposed = new ExposedRoutines(),
    importOnDemand = true,
    mappings = [],
    project = new OwnProject(),
  } = options;
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
    const candidates = firstOf(request.id, mappings, (id) => exposed.find(id));
    if (candidates.length === 0) return createNack(NackCode.NOT_EXPOSED, explainHidden(exposed, request));
    const definition = chooseCopy(candidates, wantedCopy(request));
    // The network need not know where things are declared.
    if (definition === undefined || faultOf(definition, request) !== undefined) {
      return createNack(
        NackCode.UNKNOWN_ROUTINE,
        "the worker has another routine of that identity than the caller, or several",
      );
    }
    request.definition = definition;
    return definition;
  }

  return {
    lookup,
    async resolve(request) {
      if (isRestricted(request)) throw new Error(explainHidden(exposed, request)); // lookup has refused it
      const find = (): readonly DeclaredRoutine[] => firstOf(request.id, mappings, knownRoutines);
      const definition = await load({ request, loader, project, find });
      request.definition = definition;
      return definition;
    },
  };
}

/** What looking for one routine takes. */
interface Search {
  readonly request: RoutineRequest;
  readonly loader: ModuleLoader;
  readonly project: OwnProject;
  /** The routines of the identity that are here, one per copy of their package. */
  readonly find: () => readonly DeclaredRoutine[];
}

async function load(search: Search): Promise<DeclaredRoutine> {
  const { request, loader, find } = search;
  const { location } = request;
  const isImported = location !== "" && !find().some((routine) => isMeant(routine, request));
  if (isImported) await importLocation(search);
  const candidates = find();
  const definition = chooseRoutine(candidates, request);
  // What the import did not declare is not what another copy has under that name.
  const isWrong =
    definition !== undefined && isImported && !isMeant(definition, request) && !isSame(definition, request);
  if (definition === undefined && candidates.length > 0) throw new Error(explainCopies(candidates));
  if (definition === undefined || isWrong) throw new Error(explainMiss(loader, request));
  const { module } = definition.declaration.site;
  if (isTestFile(module)) throw new Error(explainTestFile(module));
  // Registered is not enough: its module may still be at a top-level await between the declaration and its end.
  await loader.load(module, () => true);
  // Which may have declared it again, and differently.
  const declared = chooseRoutine(find(), request) ?? definition;
  const fault = faultOf(declared, request);
  if (fault !== undefined) throw new Error(fault);
  return declared;
}

/** Imports the module that the caller names, unless the same code is here from elsewhere and it cannot be imported. */
async function importLocation({ request, loader, project, find }: Search): Promise<void> {
  const { location } = request;
  try {
    if (!location.startsWith("file:")) throw new Error("its module is not a file");
    if (isTestFile(location)) throw new Error(explainTestFile(location));
    if (!project.includes(location)) throw new Error(explainForeign(location));
    await loader.load(location, () => find().some((routine) => isMeant(routine, request)));
    project.add(location);
  } catch (error) {
    if (!find().some((routine) => isSame(routine, request))) throw error;
  }
}

/** Whether it is what the caller has itself; any is, if the caller does not say. */
function isMeant(routine: DeclaredRoutine, request: RoutineRequest): boolean {
  const { origin } = request;
  return origin === undefined || routine.declaration.copy === origin.copy || isOfFile(routine, request);
}

/** Whether it is the same code, by its version. */
function isSame(routine: DeclaredRoutine, request: RoutineRequest): boolean {
  const wanted = wantedCopy(request);
  return wanted !== undefined && isSameVersion(routine, wanted);
}

/** Why a routine is not what its caller means by that identity, or may not be; `undefined` if nothing speaks against it. */
function faultOf({ declaration, owner }: DeclaredRoutine, { origin }: RoutineRequest): string | undefined {
  const { conflict, site } = declaration;
  if (conflict !== undefined) return `in the worker, ${conflict}`;
  if (origin === undefined || origin.path === "" || isBeginning(origin.path, site.path)) return undefined;
  // What a compiler puts around decorators takes another way where `Reflect.decorate` has been added, as in Nest.
  if (owner !== undefined && outermost(origin.path) === outermost(site.path)) return undefined;
  // Of different texts nothing is known: a source and its build differ, and mean the same.
  if (origin.scriptHash.length === 0) return undefined;
  if (Buffer.from(origin.scriptHash).toString("hex") !== site.evaluation.scriptHash()) return undefined;
  const [there, here] = [origin.path, site.path].map((path) => sourcePath(site.script, path));
  return `the caller has declared it at ${there}, and this worker, from the same text, at ${here}; a condition differs between the processes: declare both, under different names`;
}

/** Whether one of two paths goes on where the other ends: what was awaited is not on the stack, and need not be awaited again. */
function isBeginning(one: string, other: string): boolean {
  return `${one} `.startsWith(`${other} `) || `${other} `.startsWith(`${one} `);
}

function outermost(path: string): string {
  return path.slice(path.lastIndexOf(" ") + 1);
}

/** The first results for an identity, or else for one that the mappings equate with it. */
function firstOf<T>(
  id: string,
  mappings: readonly IdentityMapping[],
  find: (id: string) => readonly T[],
): readonly T[] {
  const exact = find(id);
  if (exact.length > 0) return exact;
  for (const other of mappedIdentities(id, mappings)) {
    const found = find(other);
    if (found.length > 0) return found;
  }
  return exact;
}

function explainCopies(candidates: readonly DeclaredRoutine[]): string {
  return `several copies of its package are loaded here (${listCopies(candidates)}), and nothing tells which one is meant; install only one of them`;
}

function explainForeign(module: string): string {
  return `its module '${module}' is of another project or another release than this worker, which imports nothing from there; start workers of that one`;
}

function explainHidden(exposed: ExposedRoutines, { id, tainted }: RoutineRequest): string {
  const near = listed(exposed.suggest(id));
  if (tainted !== true)
    return `this worker serves only what the modules it was started with declare or export${near}`;
  return `its caller has it from the network, as a value, and under such a name this worker runs only what the modules it was started with declare or export; start it with the module (for a worker of a pool: ProcessWorker.factory({ modules })), or import the module where the call is made and call the routine itself${near}`;
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

function explainMiss(loader: ModuleLoader, { id, location }: RoutineRequest): string {
  const hint = listed(nearMisses(id));
  if (location === "") return `no worker has it, and it names no module to import${hint}`;
  if (loader.state(location) === "suspended") {
    return `it is declared after \`open()\` in '${location}', where workers stop; move it above${hint}`;
  }
  const name = parseIdentity(id)?.name ?? id;
  const exported = (loader.exportsOf(location) as Readonly<Record<string, unknown>> | undefined)?.[name];
  const other = typeof exported === "function" ? definitionOf(exported) : undefined;
  if (other !== undefined) {
    return `'${location}' declares no routine '${name}': what it exports under that name is '${other.id}'; export it under the name that it is declared with`;
  }
  if (exported !== undefined) {
    return `what '${location}' exports as '${name}' is no routine; declare it with routine()`;
  }
  return `importing '${location}' did not declare '${name}'; declare it at the top level of that module, not inside a function or behind a condition; where a bundler or a server has made that file and does not run all of it (Next), pass { name: "${name}", module: import.meta.url } to routine()${hint}${minifiedHint(id)}`;
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
