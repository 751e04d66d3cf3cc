/** What `set()` of a context variable returns, as it is used, and as it travels. */
import { processWide } from "../../internal/process-wide.ts";
import type { Binding } from "./bindings.ts";
import type { Branch } from "./branch.ts";
import { uniqueId } from "./branch-tokens.ts";
import type { ContextToken } from "./context-token.ts";

/** Marks tokens, also those of another copy of the package. */
const BRAND: unique symbol = Symbol.for("merino.context-token") as never;

/** A token as it travels. */
export interface TravellingToken {
  readonly id: string;
  readonly variable: string;
  /** Ids of its branch. */
  readonly branch: readonly string[];
  readonly used: boolean;
  /** The value before; absent: there was none. */
  readonly previous?: { readonly value: unknown } | undefined;
}

/** Tokens of this process that have an id, so that one that comes back is the one that was sent. */
const travelled = processWide("context.tokens", () => ({
  byId: new Map<string, WeakRef<Token>>(),
  cleanup: undefined as FinalizationRegistry<string> | undefined,
}));

class Token implements ContextToken {
  readonly variable: string;
  /** The value before; absent: there was none. */
  readonly previous: Binding | undefined;
  readonly #branch: Branch | undefined;
  #branchIds: readonly string[];
  #id: string | undefined;
  #used = false;

  constructor(
    variable: string,
    previous: Binding | undefined,
    origin: { readonly branch: Branch } | { readonly id: string; readonly branchIds: readonly string[] },
  ) {
    this.variable = variable;
    this.previous = previous;
    this.#branch = "branch" in origin ? origin.branch : undefined;
    this.#branchIds = "branch" in origin ? [] : origin.branchIds;
    if ("id" in origin) this.#register(origin.id);
  }

  get used(): boolean {
    return this.#used;
  }

  /** Whether it was made in this branch, here or in another process. */
  isOf(branch: Branch): boolean {
    return branch === this.#branch || branch.tokens.ids.some((id) => this.#branchIds.includes(id));
  }

  /** Notes that it has been used, in this branch. */
  use(branch: Branch): void {
    this.#used = true;
    if (this.#id !== undefined) branch.tokens.spend([this.#id]);
  }

  /** Gives it an id, and its branch one, by which other processes know them. */
  toTravel(): TravellingToken {
    const { variable, previous } = this;
    if (this.#branch !== undefined) {
      this.#branch.tokens.name();
      this.#branchIds = this.#branch.tokens.ids;
    }
    if (this.#id === undefined) this.#register(uniqueId());
    const id = this.#id as string; // given just now
    return {
      id,
      variable,
      branch: this.#branchIds,
      used: this.#used,
      ...(previous !== undefined && { previous: { value: previous.value } }),
    };
  }

  #register(id: string): void {
    this.#id = id;
    travelled.byId.set(id, new WeakRef(this));
    travelled.cleanup ??= new FinalizationRegistry((gone) => void travelled.byId.delete(gone));
    travelled.cleanup.register(this, id);
  }

  /** Another process has used it. */
  static markUsed(ids: readonly string[]): void {
    for (const id of ids) {
      const token = travelled.byId.get(id)?.deref();
      if (token !== undefined) token.#used = true;
    }
  }

  /** The token that has come: the very one, if it has been here before. */
  static received({ id, variable, branch, used, previous }: TravellingToken): Token {
    const known = travelled.byId.get(id)?.deref();
    if (known !== undefined) {
      if (used) known.#used = true;
      return known;
    }
    const token = new Token(variable, previous, { id, branchIds: branch });
    token.#used = used;
    return token;
  }

  static {
    Object.defineProperty(Token.prototype, BRAND, { value: true });
  }
}

/** A token as the library has it: of one class for all copies of the package, since the codec knows one of that identity. */
export const BranchToken: typeof Token = processWide("context.token-class", () => Token);
export type BranchToken = Token;

/** Whether a value is a token, whichever copy of the package made it. */
export function isBranchToken(value: unknown): value is BranchToken {
  return typeof value === "object" && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true;
}
