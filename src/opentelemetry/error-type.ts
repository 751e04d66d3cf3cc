/** The value of `error.type` for what a call was rejected with. */
import { isMerinoError } from "../errors/merino-error.ts";

/** What stands for all others, as the semantic conventions have it. */
const OTHER = "_OTHER";
/** There are hardly as many classes of errors in a program; names that come from a peer may be anything. */
const MAX_TYPES = 100;
const MAX_LENGTH = 100;

/** Finds the types of errors. Those that it has named stay few, since metrics are kept for each of them. */
export class ErrorTypes {
  readonly #named = new Set<string>();

  /** The code of an error of the library, the name of the class of another one. */
  of(error: unknown): string {
    const type = typeOf(error);
    if (this.#named.has(type)) return type;
    if (type.length > MAX_LENGTH || this.#named.size >= MAX_TYPES) return OTHER;
    this.#named.add(type);
    return type;
  }
}

function typeOf(error: unknown): string {
  try {
    if (isMerinoError(error)) {
      const { remoteName } = error as { readonly remoteName?: unknown };
      // Of a class that this process does not know.
      return typeof remoteName === "string" && remoteName !== "" ? remoteName : error.code;
    }
    return error instanceof Error && typeof error.name === "string" && error.name !== "" ? error.name : OTHER;
  } catch {
    return OTHER; // anything can be thrown
  }
}
