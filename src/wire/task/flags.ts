/** The bits of `Task.flags`. Bits travel and never change meaning; unknown ones are ignored. */

export const TaskFlag = {
  /** The first step is implied: no Next follows. */
  NextImplied: 1,
  /** The caller is itself a task; it must never be made to wait behind an ancestor. */
  Nested: 2,
  /** The arguments travel as part 0 of the message, not inside the Task. */
  Detached: 4,
  /** The caller expects a generator. */
  Generator: 8,
  /** The first of the arguments is the receiver (`this`). */
  Receiver: 16,
  /** The routine has come over a network as a value: of what names it only the identity counts. */
  Tainted: 32,
  /** Some of what has come beside it has changed hands: a Nack brings that back. */
  Moved: 64,
} as const;
export type TaskFlag = (typeof TaskFlag)[keyof typeof TaskFlag];
