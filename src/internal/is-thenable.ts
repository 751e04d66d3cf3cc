/** Tells what `await` would wait for. */

/** Whether a value has a `then` to be called; a getter that throws counts as one, and is not let through. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  try {
    return typeof (value as { then?: unknown }).then === "function";
  } catch {
    return true; // a promise made of it rejects with what its getter throws
  }
}
