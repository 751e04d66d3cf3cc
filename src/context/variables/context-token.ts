/** What `set()` of a context variable returns. Types only. */

/**
 * Remembers the value that a context variable had before it was set. It can be used once, with `reset()`, in the branch
 * of execution in which the variable was set: also in a routine that the branch calls, to which it may be sent. Tokens of
 * several changes can be used in any order.
 */
export interface ContextToken {
  /** Identity of the variable. */
  readonly variable: string;
  /** Whether it has been used, as far as is known here. */
  readonly used: boolean;
}
