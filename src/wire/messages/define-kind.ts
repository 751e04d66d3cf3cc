/**
 * The kinds of things to which a Define message assigns an index. The numbers travel and never change; unknown ones are
 * ignored.
 */

export const DefineKind = {
  /** `value` is the routine's identity as UTF-8 text. */
  Routine: 1,
  /** `value` is a proxy descriptor. */
  Proxy: 2,
  /** `value` names a context variable. */
  Variable: 3,
} as const;
export type DefineKind = (typeof DefineKind)[keyof typeof DefineKind];
