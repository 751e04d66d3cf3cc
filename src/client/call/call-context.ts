/** The context variables of a call at its caller: what goes with it, and what comes back into the branch that made it. */
import type { References } from "../../codec/references.ts";
import { type Bindings, NO_BINDINGS } from "../../context/variables/bindings.ts";
import { storesToSend } from "../../context/variables/bound-stores.ts";
import { currentBranch, rootBranch } from "../../context/variables/current-branch.ts";
import { warnOnce } from "../../internal/warn-once.ts";
import type { ClientSession } from "../../session/client-session.ts";
import { ContextExchange } from "../../session/context/context-exchange.ts";
import type { ValueOrigin } from "../../session/context/received-binding.ts";
import { decodeContextChanges } from "../../wire/messages/context-changes.ts";

/** The caller's end of the exchange of variables of one call. */
export class CallContext {
  readonly exchange: ContextExchange;
  /** What the worker knows of the variables when its body begins. */
  begun: Bindings = NO_BINDINGS;
  readonly #references: References;
  /** What goes with the task, if it was taken before the call was made. */
  #taken: { readonly variables: Uint8Array | undefined } | undefined;

  constructor(exchange: ContextExchange, references: References) {
    this.exchange = exchange;
    this.#references = references;
  }

  /** The context of a call that is being made here and now. */
  static of(references: References): CallContext {
    return new CallContext(new ContextExchange(currentBranch()), references);
  }

  /**
   * The context of a call that is being put off here and now: it goes with what its variables and stores hold now,
   * whatever they are when it is made.
   *
   * @throws If a variable cannot travel.
   */
  static taken(references: References): CallContext {
    const context = CallContext.of(references);
    context.#taken = { variables: context.first() };
    return context;
  }

  /** What the worker knows of the variables now. */
  get told(): Bindings {
    return this.exchange.told;
  }

  /**
   * What goes with the task.
   *
   * @throws If a variable cannot travel.
   */
  first(): Uint8Array | undefined {
    if (this.#taken !== undefined) return this.#taken.variables;
    const stores = storesToSend(this.exchange.branch.stores);
    const variables = this.exchange.tell({ references: this.#references, back: false }, stores);
    this.begun = this.exchange.told;
    return variables;
  }

  /**
   * What has changed since, to go with a step.
   *
   * @throws If a variable cannot travel.
   */
  next(session: ClientSession): Uint8Array | undefined {
    return session.connection.takesContext
      ? this.exchange.tell({ references: this.#references, back: false })
      : undefined;
  }
}

/**
 * Takes over what the body has changed, before its answer is handed out.
 *
 * @param context Absent: of a call outside any branch, from a process without variables, where nobody can see it.
 * @throws {@link ProtocolError} if it cannot be read.
 */
export function mergeVariables(
  context: CallContext | undefined,
  variables: Uint8Array,
  origin: ValueOrigin,
): void {
  const changes = decodeContextChanges(variables);
  const exchange = context === undefined ? new ContextExchange(rootBranch()) : context.exchange;
  exchange.merge(changes, origin);
}

/** What goes with a task to a worker: nothing to one that takes no variables. */
export function variablesFor(session: ClientSession, variables: Uint8Array): Uint8Array | undefined {
  if (session.connection.takesContext) return variables;
  warnOnce(
    "MERINO_CONTEXT_LEFT_BEHIND",
    "Context variables stay behind: a worker is of a version that takes none; update it",
  );
  return undefined;
}
