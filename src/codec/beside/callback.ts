/**
 * `callback()`: marks a function that a routine may call while its call runs. The function stays where it is; what
 * arrives calls it there.
 */
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";

/** The property that marks a callback: the same in all copies of this package. */
const CALLBACK: unique symbol = Symbol.for("merino.callback") as never;

/**
 * A function among the arguments of a call that runs in the program of the caller, as the routine sees it.
 *
 * @typeParam Parameters What it is called with: values, as arguments of calls are.
 * @typeParam Result What its promise resolves to.
 */
export interface Callback<Parameters extends readonly unknown[] = [], Result = void> {
  /**
   * Calls the function.
   *
   * @returns Resolves once the function has returned, and what that has returned has resolved.
   * @throws What the function throws; CallEndedError (ERR_MERINO_CALL_ENDED, fault: routine) once the call has ended.
   */
  (...parameters: Parameters): Promise<Result>;
  /** Marks it as a callback; there is nothing to read. */
  readonly [CALLBACK]: unknown;
}

/**
 * Makes a callback of a function, to be passed among the arguments of a call. The routine gets an async function that calls
 * this one here, in the program that made the call. Calls start in the order in which the routine makes them, and end with
 * the call that they came with.
 *
 * @param fn The function. It may be async; what it returns or throws, the routine gets.
 * @returns The callback, which may also be called here.
 * @throws InvalidOptionError (ERR_MERINO_INVALID_OPTION, fault: caller) for what is no function.
 * @example
 * import type { Callback } from "merino";
 *
 * const count = routine(async function count(to: number, onProgress: Callback<[done: number]>) {
 *   for (let done = 1; done <= to; done++) await onProgress(done);
 *   return to;
 * });
 * await count(3, callback((done) => console.log(done)));
 */
export function callback<Parameters extends readonly unknown[], Result>(
  fn: (...parameters: Parameters) => Result | PromiseLike<Result>,
): Callback<Parameters, Result> {
  if (typeof fn !== "function") {
    throw new InvalidOptionError("fn", { value: fn, expected: "a function" });
  }
  return markCallback(async (...parameters: Parameters) => await fn(...parameters), fn);
}

/** Marks a function as a callback. @param called What is called in its place from elsewhere. */
export function markCallback<Parameters extends readonly unknown[], Result>(
  fn: (...parameters: Parameters) => Promise<Result>,
  called: (...parameters: Parameters) => unknown,
): Callback<Parameters, Result> {
  return Object.defineProperty(fn, CALLBACK, { value: called }) as typeof fn & {
    readonly [CALLBACK]: unknown;
  };
}

/** What is called when somebody calls a callback; `undefined` for a function that is none. */
export function callbackFunction(fn: object): unknown {
  return (fn as { readonly [CALLBACK]?: unknown })[CALLBACK];
}

/** Whether a function is a callback. */
export function isCallback(fn: object): boolean {
  return typeof callbackFunction(fn) === "function";
}
