/** A reason to abort with, as `AbortController` itself would make it. */
export function abortReason(message: string, name = "AbortError"): DOMException {
  return new DOMException(message, name);
}
