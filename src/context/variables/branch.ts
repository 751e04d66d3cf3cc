/**
 * A branch of execution: what runs one after the other, calls and their bodies in other processes included, and so
 * sees the same variables. It holds its variables in one place, which changes; `run()` and `fork()` begin a branch of
 * their own.
 */
import { type Bindings, NO_BINDINGS } from "./bindings.ts";
import { BranchTokens } from "./branch-tokens.ts";

/** The variables of one branch. */
export class Branch {
  /** What its variables have now. */
  bindings: Bindings;
  /**
   * What stores of the program held where the call was made, by name: for calls nested in the task, where this process
   * does not know the store.
   */
  readonly stores: Bindings;
  /** Whether it is the process's own, which all code outside any task, `run()` and `fork()` shares. */
  readonly isRoot: boolean;
  readonly tokens: BranchTokens = new BranchTokens();
  /** Its bindings as all of them travel with a call, for the next one: `encodeContext` keeps it here. */
  whole: { readonly bindings: Bindings; readonly bytes: Uint8Array } | undefined;

  constructor(bindings: Bindings, options: { readonly stores?: Bindings; readonly isRoot?: boolean } = {}) {
    this.bindings = bindings;
    this.stores = options.stores ?? NO_BINDINGS;
    this.isRoot = options.isRoot ?? false;
  }

  /** A branch that begins with the same values, and whose changes stay in it. */
  fork(bindings: Bindings = this.bindings): Branch {
    return new Branch(bindings, { stores: this.stores });
  }
}
