/**
 * The routines this process knows, by identity and by callable. It is one per process, whichever copy of the
 * package asks. It keeps the rule that an identity means one source text; it never imports anything.
 */
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";
import { processWide } from "../internal/process-wide.ts";
import { editDistance } from "./edit-distance.ts";
import type { RoutineDefinition } from "./routine-definition.ts";
import { isSameSource } from "./same-source.ts";

interface Entry {
  readonly definition: RoutineDefinition;
  /** When the module's file was last changed as of the declaration, in milliseconds; `undefined` without a file. */
  readonly modifiedMs: number | undefined;
}

interface Registry {
  readonly byId: Map<string, Entry>;
  readonly byCallable: WeakMap<object, RoutineDefinition>;
}

const registry = processWide(
  "identity.routines",
  (): Registry => ({ byId: new Map(), byCallable: new WeakMap() }),
);

/** A search for suggestions looks at no more routines than this; the question may come from the network. */
const MAX_CANDIDATES = 2_000;
const MAX_DISTANCE = 12;

/**
 * Records a routine.
 *
 * The same source under the same identity replaces, because a module may be evaluated more than once: by
 * hot reload, by a test runner, by a loader that serves `import` and `require` separately. So does another
 * source from the same module if its file was changed in between (watch mode, hot reload).
 *
 * @throws {@link RoutineDeclarationError} if a different routine already has the identity.
 */
export function registerRoutine(definition: RoutineDefinition): void {
  const { byId, byCallable } = registry;
  const entry: Entry = { definition, modifiedMs: modifiedMs(definition.module) };
  const known = byId.get(definition.id);
  if (known !== undefined && !replaces(entry, known)) {
    throw new RoutineDeclarationError(
      `Cannot declare routine '${definition.id}' in ${place(definition)}: a different one of that identity was ` +
        `declared in ${place(known.definition)}; give one of them another { name } or an { id }`,
    );
  }
  byId.set(definition.id, entry);
  byCallable.set(definition.routine, definition);
}

/** The routine that has an identity, as it was last declared. */
export function findRoutine(id: string): RoutineDefinition | undefined {
  return registry.byId.get(id)?.definition;
}

/** What is known about a callable; `undefined` for anything but a routine. Replaced routines are known too. */
export function definitionOf(callable: object): RoutineDefinition | undefined {
  return registry.byCallable.get(callable);
}

/** Every routine, in order of first declaration. */
export function allRoutines(): readonly RoutineDefinition[] {
  return Array.from(registry.byId.values(), ({ definition }) => definition);
}

/**
 * Suggests routines that may have been meant by an unknown identity: the same name in another module first,
 * then what is spelled much alike.
 *
 * @param limit How many to give at most.
 * @returns Identities, the nearest first.
 */
export function nearMisses(id: string, limit = 3): readonly string[] {
  const wanted = split(id);
  // A third of a name may be misspelled before it is another name.
  const allowed = Math.min(Math.max(1, Math.floor(wanted.name.length / 3)), MAX_DISTANCE);
  const ranked: { readonly id: string; readonly rank: number }[] = [];
  const moduleDistances = new Map<string, number>();
  const distanceOf = (module: string): number => {
    const distance = moduleDistances.get(module) ?? editDistance(module, wanted.module, MAX_DISTANCE);
    moduleDistances.set(module, distance);
    return distance;
  };
  let candidates = 0;
  for (const known of registry.byId.keys()) {
    if (known === id) continue;
    if (++candidates > MAX_CANDIDATES) break;
    const { module, name } = split(known);
    if (name === wanted.name) {
      ranked.push({ id: known, rank: Math.min(distanceOf(module), MAX_DISTANCE + 1) });
      continue;
    }
    const names = editDistance(name, wanted.name, allowed);
    if (names > allowed) continue;
    const distance = names + distanceOf(module);
    if (distance <= MAX_DISTANCE) ranked.push({ id: known, rank: 2 * MAX_DISTANCE + distance });
  }
  ranked.sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1));
  return ranked.slice(0, limit).map((miss) => miss.id);
}

function replaces(entry: Entry, known: Entry): boolean {
  if (isSameSource(String(entry.definition.body), String(known.definition.body))) return true;
  return (
    entry.definition.module !== undefined &&
    entry.definition.module === known.definition.module &&
    entry.modifiedMs !== known.modifiedMs
  );
}

function modifiedMs(module: string | undefined): number | undefined {
  if (module === undefined) return undefined;
  try {
    return statSync(fileURLToPath(module)).mtimeMs;
  } catch {
    return undefined;
  }
}

function split(id: string): { readonly module: string; readonly name: string } {
  const at = id.lastIndexOf("#");
  return { module: id.slice(0, Math.max(at, 0)), name: id.slice(at + 1) };
}

function place({ module, name, declaredIn }: RoutineDefinition): string {
  const where = module === undefined ? "code without a module" : `'${module}'`;
  return `${where} (function '${name}'${declaredIn === undefined ? "" : `, inside '${declaredIn}'`})`;
}
