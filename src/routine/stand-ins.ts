/**
 * The callables for routines that another process has named. A stand-in for a routine whose module is not loaded here
 * can be called and passed on. A tainted one stands for a routine that has come over a network, also if this process
 * has it: calls of it, and values that hold it, say so to whoever gets them. Neither kind is ever taken for the other.
 */
import type { RoutineReference } from "../codec/references.ts";
import { RoutineNotFoundError } from "../errors/routine-not-found-error.ts";
import { routinesOf } from "../identity/registry.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import { processWide } from "../internal/process-wide.ts";
import { workerRole } from "../internal/worker-role.ts";
import { createCallable } from "./callable.ts";

/** Stand-ins of each kind that are kept. */
const MAX_STAND_INS = 1_000;
/** Longer than any usual identity with its module's URL. One that is longer has a stand-in for each time that it comes. */
const MAX_KEY_LENGTH = 2_000;

/** Those made in this process, by whichever copy of the package, so that they can be passed on. */
const definitions = processWide("routine.stand-ins", (): WeakMap<object, RoutineDefinition> => new WeakMap());

/** The same stand-in for the same reference, so that its calls share a definition; bounded, the oldest goes first. */
const clean = new Map<string, object>();
const tainted = new Map<string, object>();

/** The definition of a stand-in; `undefined` for anything else. */
export function standInDefinition(candidate: object): RoutineDefinition | undefined {
  return definitions.get(candidate);
}

/** A stand-in for a routine whose module is not loaded here. */
export function standInFor(reference: RoutineReference): object {
  const { id, module } = reference;
  return kept(clean, keyOf(reference, module), () => {
    const body = (): never => {
      throw new RoutineNotFoundError(
        id,
        "its module is not loaded in this process; import it to run the body here",
      );
    };
    return makeStandIn(reference, body, { module, tainted: false });
  });
}

/** A stand-in for a routine that has come over a network. */
export function taintedStandInFor(reference: RoutineReference): object {
  const { id } = reference;
  return kept(tainted, keyOf(reference, undefined), () => {
    const body = function (this: unknown, ...parameters: never[]): unknown {
      const exposed = workerRole()?.exposedBody?.(id);
      if (exposed !== undefined) return Reflect.apply(exposed, this, parameters);
      throw new RoutineNotFoundError(
        id,
        "it has come over a network, and runs only where it is exposed; to run the body here, import its module and use the routine itself",
      );
    };
    return makeStandIn(reference, body, { module: undefined, tainted: true });
  });
}

/** One text for each reference: an identity of a tainted routine has no line breaks, nor has the URL of a module. */
function keyOf({ id, generator }: RoutineReference, module: string | undefined): string {
  return `${generator ? "generator" : "function"}\n${id}\n${module ?? ""}`;
}

function kept(standIns: Map<string, object>, key: string, make: () => object): object {
  if (key.length > MAX_KEY_LENGTH) return make();
  let callable = standIns.get(key);
  if (callable === undefined) {
    callable = make();
    if (standIns.size >= MAX_STAND_INS) {
      const oldest = standIns.keys().next();
      if (oldest.done !== true) standIns.delete(oldest.value);
    }
    standIns.set(key, callable);
  }
  return callable;
}

function makeStandIn(
  { id, generator }: RoutineReference,
  body: RoutineDefinition["body"],
  origin: { readonly module: string | undefined; readonly tainted: boolean },
): object {
  const definition: RoutineDefinition = {
    id,
    name: id.slice(id.lastIndexOf("#") + 1),
    module: origin.module,
    kind: generator ? "generator" : "function",
    body,
    declaredIn: undefined,
    get timeoutMs(): number | undefined {
      return routinesOf(id).at(-1)?.timeoutMs;
    },
    get routine(): object {
      return callable;
    },
    tainted: origin.tainted,
  };
  const callable: object = createCallable(definition, body, definition.kind);
  definitions.set(callable, definition);
  return callable;
}
