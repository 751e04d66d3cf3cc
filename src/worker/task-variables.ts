/** The context variables of a task, and the stores of the program that have come with it, at its worker. */
import type { References } from "../codec/references.ts";
import { noteContext } from "../context/scope.ts";
import { type Bindings, NO_BINDINGS } from "../context/variables/bindings.ts";
import { type EnteredStore, runInStores, storesToEnter } from "../context/variables/bound-stores.ts";
import type { Branch } from "../context/variables/branch.ts";
import { errorText } from "../internal/error-text.ts";
import { warnOnce } from "../internal/warn-once.ts";
import { ContextExchange } from "../session/context/context-exchange.ts";
import type { ValueOrigin } from "../session/context/received-binding.ts";
import type { ReceivedContext } from "../session/context/received-contexts.ts";
import type { ServerSession } from "../session/server-session.ts";
import { decodeContextChanges } from "../wire/messages/context-changes.ts";

/** The task, as its variables see it. */
export interface VariablesHost {
  readonly references: References;
  readonly session: ServerSession;
  readonly module: string | undefined;
  readonly routine: string;
}

/** What goes with one task, and comes back. */
export class TaskVariables {
  readonly #task: VariablesHost;
  readonly #received: ReceivedContext | undefined;
  /** Absent until somebody asks for a variable. */
  #exchange: ContextExchange | undefined;
  /** Absent until the body is first entered. */
  #stores: readonly EnteredStore[] | undefined;

  /** What the caller knows when the body begins. */
  #begun: Bindings = NO_BINDINGS;

  /** @param received What has come with the task. */
  constructor(task: VariablesHost, received: ReceivedContext | undefined) {
    this.#task = task;
    this.#received = received;
    if (received !== undefined) noteContext(); // though no module here may know them
  }

  /** What the caller knew of the variables when the body began. */
  begun(): Bindings {
    void this.#opened;
    return this.#begun;
  }

  /** What it knows now. */
  told(): Bindings {
    return this.#opened.told;
  }

  /** The branch of execution that the body goes on with. */
  get branch(): Branch {
    return this.#opened.branch;
  }

  get hasStores(): boolean {
    return this.#received !== undefined && this.#received.stores.length > 0;
  }

  /** Makes the stores that have come and are known here. @returns Why one cannot be made, as a clause. */
  prepareStores(): string | undefined {
    if (!this.hasStores) return undefined;
    try {
      this.#stores ??= storesToEnter(this.branch.stores);
      return undefined;
    } catch (error) {
      return `a store cannot be made of what has come: ${errorText(error)}`;
    }
  }

  /** Runs a function in the stores. */
  runInStores<R>(fn: () => R): R {
    return runInStores(this.#stores ?? [], fn);
  }

  /**
   * What the body has changed since the caller was last told.
   *
   * @param lenient Whether what cannot travel stays behind; then it never throws.
   * @returns Encoded; `undefined` where there is nothing to tell, or to a caller that takes none.
   * @throws If a variable cannot travel.
   */
  changed({ lenient }: { readonly lenient: boolean }): Uint8Array | undefined {
    const { session, references } = this.#task;
    if (this.#exchange === undefined || !session.connection.takesContext) return undefined;
    try {
      return this.#exchange.tell({ references, back: true, lenient, fault: "routine" });
    } catch (error) {
      if (!lenient) throw error;
      warnOnce("MERINO_CONTEXT_LEFT_BEHIND", `Context variables stay behind: ${errorText(error)}`);
      return undefined;
    }
  }

  /** Goes on with what the caller has changed. @throws {@link ProtocolError} if it cannot be read. */
  follow(changes: Uint8Array): void {
    this.#opened.follow(decodeContextChanges(changes), this.#origin);
  }

  get #opened(): ContextExchange {
    if (this.#exchange === undefined) {
      this.#exchange = ContextExchange.atWorker(this.#received, this.#origin);
      this.#begun = this.#exchange.told;
    }
    return this.#exchange;
  }

  get #origin(): ValueOrigin {
    const { references, module, routine, session } = this.#task;
    return { references, source: session.connection.carrier, module, routine };
  }
}
