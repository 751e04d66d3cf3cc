/**
 * One end of a call as its context variables see it: what the other end knows of the branch, what is to be told to it,
 * and what it tells. Both ends of a call go on with one branch, each in its own process, one after the other.
 */
import { holdsPrimitive } from "../../codec/decode/holds-primitive.ts";
import { type Binding, type Bindings, NO_BINDINGS } from "../../context/variables/bindings.ts";
import { Branch } from "../../context/variables/branch.ts";
import { BranchToken } from "../../context/variables/branch-token.ts";
import { NO_IDS } from "../../context/variables/branch-tokens.ts";
import type { ContextChange, ContextChanges } from "../../wire/messages/context-changes.ts";
import { type EncodeContextOptions, encodeContext, encodeWhole } from "./encode-context.ts";
import "./portable-token.ts";
import type { ValueOrigin } from "./received-binding.ts";
import type { ReceivedContext } from "./received-contexts.ts";
import { applyChanges, comesBack, mergeChanges, takeChanges } from "./take-changes.ts";

const NOTHING: Knowledge = { bindings: NO_BINDINGS, ids: NO_IDS, spent: NO_IDS };

/** What one end knows of the branch. */
interface Knowledge {
  readonly bindings: Bindings;
  /** Ids of the branch. */
  readonly ids: readonly string[];
  /** Ids of used tokens. */
  readonly spent: readonly string[];
}

/** The exchange of variables of one call, at one end. */
export class ContextExchange {
  readonly branch: Branch;
  /** What the other end knows. */
  #known: Knowledge = NOTHING;
  #before: Knowledge = NOTHING;

  constructor(branch: Branch) {
    this.branch = branch;
  }

  /** The end of a worker: begins with what the caller has sent with the task. */
  static atWorker(received: ReceivedContext | undefined, origin: ValueOrigin): ContextExchange {
    if (received === undefined) return new ContextExchange(new Branch(NO_BINDINGS));
    const bindings = received.bindings ?? bind(received.changes, origin);
    if (received.bindings === undefined && received.changes.every(isLasting)) received.bindings = bindings;
    const stores = bind(received.stores, origin);
    const exchange = new ContextExchange(new Branch(bindings, { stores }));
    exchange.#learnTokens(received);
    exchange.#known = { ...exchange.#known, bindings };
    return exchange;
  }

  /**
   * What the other end does not know yet, which it knows from now on.
   *
   * @param stores What stores of the program hold, with a task.
   * @returns An encoded `ContextChanges`; `undefined` where there is nothing to tell.
   * @throws As {@link encodeContext}. The other end is told next time then.
   */
  tell(options: EncodeContextOptions, stores: Bindings = NO_BINDINGS): Uint8Array | undefined {
    const { bindings, tokens } = this.branch;
    const { ids, spent } = tokens;
    const known = this.#known;
    if (bindings === known.bindings && stores.size === 0 && ids === known.ids && spent === known.spent) {
      return undefined;
    }
    const isWhole = known === NOTHING && stores.size === 0 && ids === NO_IDS && spent === NO_IDS;
    const bytes = isWhole
      ? encodeWhole(this.branch, options)
      : encodeContext(
          known.bindings,
          bindings,
          { stores, branch: ids, spentTokens: unknownOf(spent, known.spent) },
          options,
        );
    this.#before = known;
    this.#known = { bindings, ids, spent };
    return bytes.length === 0 ? undefined : bytes;
  }

  /** What the other end knows of the variables. */
  get told(): Bindings {
    return this.#known.bindings;
  }

  /** What {@link tell} has given last was not sent. */
  untell(): void {
    this.#known = this.#before;
  }

  /** At the worker: goes on with what the caller has changed since. @throws {@link ProtocolError} if it is too much. */
  follow(changes: ContextChanges, origin: ValueOrigin): void {
    const { branch } = this;
    this.#knows(takeChanges(changes.changes, { branch, known: this.#known.bindings, origin }));
    this.#learnTokens(changes);
  }

  /** At the caller: takes over what the body has changed. @throws {@link ProtocolError} if it is too much. */
  merge(changes: ContextChanges, origin: ValueOrigin): void {
    this.#learnTokens(changes);
    const news = changes.changes.filter(comesBack);
    this.#knows(mergeChanges(news, { branch: this.branch, known: this.#known.bindings, origin }));
  }

  #knows(bindings: Bindings): void {
    if (bindings !== this.#known.bindings) this.#known = { ...this.#known, bindings };
  }

  #learnTokens({ branch, spentTokens }: ContextChanges): void {
    if (branch.length === 0 && spentTokens.length === 0) return;
    const { tokens } = this.branch;
    const known = this.#known;
    const [knewIds, knewSpent] = [known.ids === tokens.ids, known.spent === tokens.spent];
    BranchToken.markUsed(spentTokens);
    tokens.know(branch);
    tokens.spend(spentTokens);
    this.#known = {
      ...known,
      ids: knewIds ? tokens.ids : known.ids,
      spent: knewSpent ? tokens.spent : known.spent,
    };
  }
}

/** What has come first: nothing is there yet. */
function bind(changes: readonly ContextChange[], origin: ValueOrigin): Bindings {
  if (changes.length === 0) return NO_BINDINGS;
  const bindings = new Map<string, Binding>();
  applyChanges(changes, bindings, origin);
  return bindings;
}

/** Whether nobody can change the value. */
function isLasting({ value }: ContextChange): boolean {
  return value === undefined || holdsPrimitive(value);
}

/** Those of a list that another one has not. */
function unknownOf(ids: readonly string[], known: readonly string[]): readonly string[] {
  return ids.length === 0 ? ids : ids.filter((id) => !known.includes(id));
}
