/** Turns a thrown value into words or into an error: anything can be thrown, from any realm. Never throws itself. */
import { isNativeError } from "node:util/types";

/** The message of an error, or any other thrown value as text. */
export function errorText(thrown: unknown): string {
  try {
    if (!isError(thrown)) return String(thrown);
    // Several attempts to connect fail with one error that says nothing itself.
    if (thrown instanceof AggregateError && thrown.message === "" && thrown.errors.length > 0) {
      return thrown.errors.map(errorText).join("; ");
    }
    return String(thrown.message);
  } catch {
    return "something that cannot be shown as text";
  }
}

/** The error that was thrown; any other thrown value becomes the cause of a new error. */
export function asError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(errorText(thrown), { cause: thrown });
}

function isError(value: unknown): value is Error {
  return value instanceof Error || isNativeError(value);
}
