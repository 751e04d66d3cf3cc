/**
 * The base of every error Merino throws, its brand and its catalogue.
 *
 * The brand is a registered symbol on the prototype, so that errors are recognised across two copies
 * of the package in one process and across worker boundaries; `instanceof` is never relied upon.
 */

import { shownText } from "../internal/shown-text.ts";

/** Whose fault an error is. It tells what a caller can do about it. */
export type Fault = "caller" | "routine" | "worker" | "network" | "configuration" | "bug";

/** The catalogue's entry for one error class. */
export interface ErrorTraits {
  /** The class name, as `error.name` shows it. */
  readonly name: string;
  /** The stable code to match on, `ERR_MERINO_…`. */
  readonly code: string;
  readonly fault: Fault;
}

/** How a class treats its messages. By default they are one line, in which nothing can be hidden. */
export interface MessageRule {
  /** @returns The message as an instance has it. */
  readonly shown: (message: string) => string;
}

/** The members of every error of Merino's, whichever copy of the package made it. */
export interface MerinoErrorLike extends Error {
  /** The stable name of the error, `ERR_MERINO_…`: what to match on. */
  readonly code: string;
  /** Whose fault it is. */
  readonly fault: Fault;
}

const BRAND: unique symbol = Symbol.for("merino.error") as never;
/** On the prototype of each class: how a message is shown. */
const SHOWN = Symbol("shown");

type ErrorClass = abstract new (...parameters: never[]) => Error;

const catalogue = new Map<string, { readonly traits: ErrorTraits; readonly errorClass: ErrorClass }>();

/**
 * Records a class in the catalogue and puts name, code, fault and brand on its prototype.
 *
 * @param errorClass The class to record; called from its static block.
 * @param traits Its name, code and default fault. An instance may carry a `fault` of its own.
 * @param rule How it treats its messages, if in a way of its own.
 */
export function defineError(
  errorClass: ErrorClass,
  traits: ErrorTraits,
  { shown }: MessageRule = { shown: shownText },
): void {
  for (const key of ["name", "code", "fault"] as const) {
    Object.defineProperty(errorClass.prototype, key, {
      value: traits[key],
      writable: true,
      enumerable: false,
      configurable: true,
    });
  }
  Object.defineProperty(errorClass.prototype, BRAND, { value: true });
  Object.defineProperty(errorClass.prototype, SHOWN, { value: shown });
  catalogue.set(traits.name, { traits, errorClass });
}

/** The message as errors of a class have it: whatever others have written cannot command a terminal from there. */
export function shownMessage(errorClass: ErrorClass, message: string): string {
  const { [SHOWN]: shown } = errorClass.prototype as { [SHOWN]?: (message: string) => string };
  return shown === undefined ? message : shown(message);
}

/** Base of Merino's errors. Match on `code`, not on the message. */
export abstract class MerinoError extends Error implements MerinoErrorLike {
  declare readonly code: string;
  declare readonly fault: Fault;

  constructor(message: string, options?: ErrorOptions) {
    super(shownMessage(new.target, message), options);
  }
}

/**
 * Tells whether a value is one of Merino's errors, whichever copy of the package made it.
 *
 * @example
 * try {
 *   await add(1, 2);
 * } catch (error) {
 *   if (isMerinoError(error) && error.code === "ERR_MERINO_NO_WORKERS") console.error(error.message);
 *   else throw error;
 * }
 */
export function isMerinoError(value: unknown): value is MerinoErrorLike {
  return typeof value === "object" && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true;
}

/** Every error class recorded so far, by name. The codec rebuilds errors from it; the docs list it. */
export function errorCatalogue(): ReadonlyMap<
  string,
  { readonly traits: ErrorTraits; readonly errorClass: ErrorClass }
> {
  return catalogue;
}
