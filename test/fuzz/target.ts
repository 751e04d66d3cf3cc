/** What is fuzzed: something that reads bytes which it cannot trust. */
import type { Random } from "./random.ts";

/** A decoder, or a whole half of the protocol, with inputs that nearly make sense to it. */
export interface FuzzTarget {
  readonly name: string;
  /** How many of a hundred inputs are for it. */
  readonly share: number;
  /** Makes an input of the usual size. */
  make(random: Random): Uint8Array;
  /** Makes one of 64 KiB or more, of which the time for each byte is measured. */
  makeLarge?(random: Random): Uint8Array;
  /**
   * Reads an input. It must end, and refuse what it cannot read by an error of its own; whatever this throws is a
   * finding.
   */
  run(input: Uint8Array): void | Promise<void>;
  /**
   * Has the engine make the values of an input by itself, with which the time of this is compared: those that are one
   * large hash table. `undefined` for others.
   */
  byEngine?(input: Uint8Array): (() => void) | undefined;
  /** Removes what it has made outside of memory. Called once, after the last input. */
  end?(): void;
}

/** Passes over errors of these codes, and throws all others again. */
export function expectCodes(error: unknown, ...codes: readonly string[]): void {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  if (typeof code !== "string" || !codes.includes(code)) throw error;
}
