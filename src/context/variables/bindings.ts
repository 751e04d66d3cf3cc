/**
 * What the variables of a branch have for values at one moment: an immutable map, of which each change makes another,
 * so that whoever has kept one can tell later what has changed since.
 */

/** The value that a variable has. One that has come from another process is decoded when it is first asked for. */
export interface Binding {
  /** @throws {@link PayloadError} if it cannot be decoded. */
  readonly value: unknown;
}

/** Values by the identity of their variable. */
export type Bindings = ReadonlyMap<string, Binding>;

export const NO_BINDINGS: Bindings = new Map();

/** A value that was set in this process. */
export class OwnBinding implements Binding {
  readonly value: unknown;
  /** How it travels, once that is known, and where it cannot change any more. */
  encoded: Uint8Array | undefined;

  constructor(value: unknown) {
    this.value = value;
  }
}

/**
 * The bindings with one more, or another one.
 *
 * @param binding Absent: the variable has no value any more.
 */
export function withBinding(bindings: Bindings, id: string, binding: Binding | undefined): Bindings {
  const changed = new Map(bindings);
  if (binding === undefined) changed.delete(id);
  else changed.set(id, binding);
  return changed;
}
