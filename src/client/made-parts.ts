/**
 * The parts (a discovery, a balancer) that a proxy makes by calling functions given in its options. Each is made once,
 * belongs to the proxy and is closed with it, in reverse order. What the parts do is not known here.
 */
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { PoolClosedError } from "../errors/pool-closed-error.ts";
import { errorText } from "../internal/error-text.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { waitAtMost } from "../internal/time/wait.ts";
import { warn } from "../internal/warn.ts";

/** How long a part may take to close: a pool closes even if a part, such as one that talks to a server, never does. */
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
 * Tells whether an option is a part, or a function that makes one.
 *
 * @param method A method that every part has. A value with it is a part, even if it is also a function.
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
 * Checks, when the options are read, a function that is called only when the pool opens.
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
   * @param methods The methods that the part must have.
   * @throws What the function throws; {@link InvalidOptionError} if its result lacks one of the methods (an object is
   *   closed with the other parts all the same); {@link PoolClosedError} if the pool was closed meanwhile (the part is
   *   closed first).
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
        `Cannot use the result of the function in the option '${option}': the pool was closed while it ran`,
      );
    }
    this.#parts.push(part);
    const missing = methods.some((method) => typeof (thing as Partial<T>)[method] !== "function");
    if (missing) throw ofAnotherKind(option, thing, methods);
    return thing as T; // it has the methods
  }

  /** Closes every part that has `[Symbol.asyncDispose]`, `close` or `[Symbol.dispose]`. Never rejects; idempotent. */
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
    // In an async function, so that the result is a promise, whatever `end` returns.
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
