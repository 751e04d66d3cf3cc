/**
 * The callables for routines that another process has named. A stand-in for a routine whose module is not loaded here
 * can be called and passed on. A tainted one stands for a routine that has come over a network, also if this process
 * has it: calls of it, and values that hold it, say so to whoever gets them. Neither kind is ever taken for the other.
 * Peers can have many made, so making one has to be cheap.
 */
import type { RoutineReference } from "../codec/references.ts";
import type { IdempotentCallOptions as CallOptions } from "../context/dispatcher.ts";
import { RoutineNotFoundError } from "../errors/routine-not-found-error.ts";
import { routinesOf } from "../identity/registry.ts";
import type { Repetition } from "../identity/repeat-options.ts";
import type { RoutineDefinition, RoutineKind } from "../identity/routine-definition.ts";
import type { Amounts } from "../internal/amounts.ts";
import { processWide } from "../internal/process-wide.ts";
import { workerRole } from "../internal/worker-role.ts";
import { bindOptions, createCallableBelow } from "./callable.ts";

/** Stand-ins of each kind that are kept: so many at least, and twice as many at most. */
const MAX_STAND_INS = 500;
/** Longer than any usual identity with its module's URL. One that is longer has a stand-in for each time that it comes. */
const MAX_KEY_LENGTH = 2_000;

/** Those made in this process, by whichever copy of the package, so that they can be passed on. */
const definitions = processWide("routine.stand-ins", (): WeakMap<object, RoutineDefinition> => new WeakMap());

/** The same stand-in for the same reference, so that its calls share a definition. Those not asked for go in the end. */
interface KeptStandIns {
  recent: Map<string, object>;
  earlier: Map<string, object>;
}

const clean: KeptStandIns = { recent: new Map(), earlier: new Map() };
const tainted: KeptStandIns = { recent: new Map(), earlier: new Map() };

/** The definition of a stand-in; `undefined` for anything else. */
export function standInDefinition(candidate: object): RoutineDefinition | undefined {
  return definitions.get(candidate);
}

/** A stand-in for a routine whose module is not loaded here. */
export function standInFor(reference: RoutineReference): object {
  return standIn(clean, reference, reference.module);
}

/** A stand-in for a routine that has come over a network. */
export function taintedStandInFor(reference: RoutineReference): object {
  return standIn(tainted, reference, undefined);
}

function standIn(kept: KeptStandIns, reference: RoutineReference, module: string | undefined): object {
  const key = keyOf(reference, module);
  const known = kept.recent.get(key);
  if (known !== undefined) return known;
  const callable = kept.earlier.get(key) ?? makeStandIn(reference, module, kept === tainted);
  if (key.length > MAX_KEY_LENGTH) return callable;
  if (kept.recent.size >= MAX_STAND_INS) {
    // All at once: a Map that loses its oldest entry again and again takes ever longer to find it.
    kept.earlier = kept.recent;
    kept.recent = new Map();
  }
  kept.recent.set(key, callable);
  return callable;
}

/** One text for each reference: an identity of a tainted routine has no line breaks, nor has the URL of a module. */
function keyOf({ id, generator }: RoutineReference, module: string | undefined): string {
  return `${generator ? "generator" : "function"}\n${id}\n${module ?? ""}`;
}

function makeStandIn(
  { id, generator }: RoutineReference,
  module: string | undefined,
  isTainted: boolean,
): object {
  const definition = new StandIn({ id, module, kind: generator ? "generator" : "function" }, isTainted);
  const callable = createCallableBelow(members, definition);
  definition.routine = callable;
  definitions.set(callable, definition);
  return callable;
}

/** A routine that another process has declared. */
class StandIn implements RoutineDefinition {
  readonly id: string;
  readonly module: string | undefined;
  readonly kind: RoutineKind;
  readonly declaredIn: undefined = undefined;
  readonly tainted: boolean;
  /** Set as soon as it is made. */
  routine: object = members;

  constructor({ id, module, kind }: Pick<RoutineDefinition, "id" | "module" | "kind">, isTainted: boolean) {
    this.id = id;
    this.module = module;
    this.kind = kind;
    this.tainted = isTainted;
  }

  get name(): string {
    return this.id.slice(this.id.lastIndexOf("#") + 1);
  }

  /** As this process knows it. */
  get timeoutMs(): number | undefined {
    return routinesOf(this.id).at(-1)?.timeoutMs;
  }

  get runTimeoutMs(): number | undefined {
    return routinesOf(this.id).at(-1)?.runTimeoutMs;
  }

  get limit(): number | undefined {
    return routinesOf(this.id).at(-1)?.limit;
  }

  get repetition(): Repetition | undefined {
    return routinesOf(this.id).at(-1)?.repetition;
  }

  get needs(): Amounts | undefined {
    return routinesOf(this.id).at(-1)?.needs;
  }

  get body(): RoutineDefinition["body"] {
    const { id, tainted: isTainted } = this;
    const exposed = isTainted ? workerRole()?.exposedBody?.(id) : undefined;
    if (exposed !== undefined) return exposed;
    const why = isTainted
      ? "it has come over a network, and runs only where it is exposed; to run the body here, import its module and use the routine itself"
      : "its module is not loaded in this process; import it to run the body here";
    return (): never => {
      throw new RoutineNotFoundError(id, why);
    };
  }
}

/** The members of all stand-ins, as `createCallable` gives them to other routines. */
const members: object = Object.create(Function.prototype, {
  id: {
    get(this: object): string | undefined {
      return definitions.get(this)?.id;
    },
    enumerable: true,
  },
  local: {
    get(this: object): unknown {
      return definitions.get(this)?.body;
    },
  },
  with: {
    value(this: object, options: CallOptions): unknown {
      const definition = definitions.get(this);
      if (definition === undefined) throw new TypeError("with() is a member of routines");
      return bindOptions(this, definition, { kind: definition.kind, options });
    },
  },
});
