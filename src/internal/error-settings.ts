/** What a program may have set on `Error`, which decides what a stack is, and how to set it otherwise for a moment. */

/** Some versions of Node show their own formatter as `Error.prepareStackTrace`. */
const NODE_FORMATTER = "ErrorPrepareStackTrace";

/** Whether stacks have the text that V8 gives them, save for source maps: the program has no formatter of its own. */
export function hasUsualFormatter(): boolean {
  const formatter: unknown = Error.prepareStackTrace;
  return typeof formatter !== "function" || formatter.name === NODE_FORMATTER;
}

/** Sets a property of `Error`; returns a function that puts its descriptor back, or `undefined` if it cannot be set. */
export function override(
  key: "stackTraceLimit" | "prepareStackTrace",
  value: unknown,
): (() => void) | undefined {
  const before = Object.getOwnPropertyDescriptor(Error, key);
  const during = { value, writable: true, enumerable: before?.enumerable ?? true, configurable: true };
  if (Reflect.defineProperty(Error, key, during)) {
    return () => {
      if (before === undefined) Reflect.deleteProperty(Error, key);
      else Object.defineProperty(Error, key, before);
    };
  }
  // Not configurable. It may still be writable, as a plain value.
  if (before?.writable !== true || !Reflect.set(Error, key, value)) return undefined;
  return () => {
    Reflect.set(Error, key, before.value);
  };
}
