/**
 * What a proxy has had made for it by functions among its options: each is made once, is the proxy's own, and is closed
 * with it, the last one first. It knows nothing of what the parts are for.
 */
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { PoolClosedError } from "../errors/pool-closed-error.ts";
import { errorText } from "../internal/error-text.ts";
import { keepAlive, letExit } from "../internal/liveness.ts";
import { waitAtMost } from "../internal/time/wait.ts";
import { warn } from "../internal/warn.ts";

/** How long a part may take to close: the end of a pool cannot depend on a server's. */
const CLOSE_MS = 5_000;

/** A part, and the option whose function has made it. */
interface Part {
  readonly option: string;
  readonly thing: object;
}

/** Makes a part. */
type Factory<T> = () => T | PromiseLike<T>;

/** An option that takes a part, or a function that makes one: at most one of the two. */
export interface PartOption<T> {
  readonly given: T | undefined;
  readonly make: Factory<T> | undefined;
}

/**
 * Tells which of the two an option is.
 *
 * @param method What a part has, so that one which can also be called is not taken for a function that makes one.
 */
export function partOption<T extends object>(
  value: T | Factory<T> | undefined,
  method: keyof T,
): PartOption<T> {
  const isPart =
    typeof (value as Partial<Record<keyof T, unknown>> | null | undefined)?.[method] === "function";
  return typeof value === "function" && !isPart
    ? { given: undefined, make: value as Factory<T> }
    : { given: value as T | undefined, make: undefined };
}

/**
 * Checks what is called when the pool is opened, as far as that can be done before.
 *
 * @throws {@link InvalidOptionError} for a class, which would have to be called with `new`.
 */
export function assertFactory(option: string, value: (() => unknown) | undefined): void {
  if (value === undefined || !/^class\b/.test(Function.prototype.toString.call(value))) return;
  throw new InvalidOptionError(option, {
    value,
    expected: "an instance of it, or a function that makes one",
  });
}

/** The parts of one proxy. */
export class MadeParts {
  readonly #parts: Part[] = [];
  #closing: Promise<void> | undefined;

  /**
   * Has a part made.
   *
   * @param methods What it must have.
   * @throws What the function throws; {@link InvalidOptionError} for what it gives if that is of another kind;
   *   {@link PoolClosedError} if everything has been closed meanwhile. The part is closed then, or will be.
   */
  async make<T extends object>(
    option: string,
    factory: Factory<T>,
    methods: readonly (keyof T & string)[],
  ): Promise<T> {
    const thing: unknown = await factory();
    if (typeof thing !== "object" || thing === null) throw ofAnotherKind(option, thing, methods);
    const part: Part = { option, thing };
    if (this.#closing !== undefined) {
      await close(part);
      throw new PoolClosedError(
        `Cannot use what the option '${option}' has made: the pool was closed meanwhile`,
      );
    }
    this.#parts.push(part);
    const missing = methods.some((method) => typeof (thing as Partial<T>)[method] !== "function");
    if (missing) throw ofAnotherKind(option, thing, methods);
    return thing as T; // it has the methods
  }

  /** Closes what has a way to be closed. Never rejects; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (const part of this.#parts.reverse()) await close(part);
  }
}

function ofAnotherKind(option: string, value: unknown, methods: readonly string[]): InvalidOptionError {
  const needs = methods.map((method) => `'${method}'`).join(" and ");
  return new InvalidOptionError(option, { value, expected: `a function that makes an object with ${needs}` });
}

async function close({ option, thing }: Part): Promise<void> {
  const { close: method } = thing as { readonly close?: unknown };
  const disposable = thing as Partial<AsyncDisposable & Disposable>;
  const end = disposable[Symbol.asyncDispose] ?? method ?? disposable[Symbol.dispose];
  if (typeof end !== "function") return;
  keepAlive();
  try {
    // In a function of its own: it may throw, too.
    const ended = (async (): Promise<string> => {
      await end.call(thing);
      return "ended";
    })();
    if ((await waitAtMost(CLOSE_MS, ended)) === undefined) {
      warn("MERINO_CLOSE_FAILED", `The '${option}' of a pool has not closed within ${CLOSE_MS} ms`);
    }
  } catch (error) {
    warn("MERINO_CLOSE_FAILED", `Cannot close the '${option}' of a pool: ${errorText(error)}`);
  } finally {
    letExit();
  }
}
