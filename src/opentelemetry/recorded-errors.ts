/**
 * Which errors have a place in a trace already. An error goes through as many spans as calls that it ends; its stack
 * stands on one of them, that of whoever has thrown it.
 */
export class RecordedErrors {
  readonly #known = new WeakSet<object>();

  /** Notes an error that is recorded, here or by the process that it has come from. @returns Whether it was not yet. */
  add(error: unknown): boolean {
    if (typeof error !== "object" || error === null) return true;
    if (this.#known.has(error)) return false;
    this.#known.add(error);
    return true;
  }
}
