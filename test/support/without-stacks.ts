/** Errors without stacks, for tests that make them by the ten thousand and read none. */

/** Lets errors be made without a stack, which with source maps costs more than most of what fails. Disposing ends that. */
export function withoutStacks(): Disposable {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  return {
    [Symbol.dispose]() {
      Error.stackTraceLimit = limit;
    },
  };
}
