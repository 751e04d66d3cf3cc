/** A row of the record of what passes where, in `kinds.ts`. Types only. */

/** What becomes of a value on its way. */
export type Passing = "copied" | "shared" | "passed" | "moved" | "refused";

/** One row. */
export interface Kind {
  /** As the table names it. */
  readonly name: string;
  readonly make: () => unknown;
  /** Sent with the mark of `move()`. Default: without. */
  readonly marked?: boolean;
  readonly thread: Passing;
  readonly process: Passing;
  /** Whether it goes on while its call runs, so that it cannot be yielded. */
  readonly streams?: boolean;
  /** Whether the caller still has it afterwards, where it has arrived. */
  readonly kept: boolean;
  /** What tells that one which has come back is of the same class and content. */
  readonly look: (value: never) => unknown;
  /** Lets go of a value. */
  readonly close?: (value: never) => unknown;
}
