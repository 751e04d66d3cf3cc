/** Tells what `await` would wait for. */

/** Whether `value.then` is a function. If reading it throws, the answer is true and the error is swallowed. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  try {
    return typeof (value as { then?: unknown }).then === "function";
  } catch {
    return true; // a promise made of it rejects with what its getter throws
  }
}
