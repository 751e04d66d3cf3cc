/** A bad option, refused before anything starts. */
import { inspect } from "node:util";
import { shownText } from "../internal/shown-text.ts";
import { defineError, type Fault, type MerinoErrorLike } from "./merino-error.ts";

/** An option has a value that Merino does not accept. Nothing was started or sent. */
export class InvalidOptionError extends RangeError implements MerinoErrorLike {
  static {
    defineError(this, { name: "InvalidOptionError", code: "ERR_MERINO_INVALID_OPTION", fault: "caller" });
  }
  declare readonly code: string;
  declare readonly fault: Fault;
  /** The option's name, for example `"size"`. */
  readonly option: string;
  /** The value that was refused. */
  readonly value: unknown;
  /** What would have been accepted, as text. */
  readonly expected: string;

  /** @param details `advice` says what to do, in a sentence of its own without its full stop. */
  constructor(
    option: string,
    details: { readonly value: unknown; readonly expected: string; readonly advice?: string },
    options?: ErrorOptions,
  ) {
    const advice = details.advice === undefined ? "" : `. ${details.advice}`;
    super(
      shownText(
        `Invalid option '${option}': expected ${details.expected}, got ${preview(details.value)}${advice}`,
      ),
      options,
    );
    this.option = option;
    this.value = details.value;
    this.expected = details.expected;
  }
}

function preview(value: unknown): string {
  return inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 100 });
}
