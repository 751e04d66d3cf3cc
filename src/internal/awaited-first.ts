/**
 * Tells whoever writes `using x = open()`, or `open().close()`, that what they have is a promise. The engine's own
 * errors say only that it is not disposable, or has no such method.
 */

/** Names that a promise must not seem to have, or that others ask whether it has. */
const NEVER_MARKED: ReadonlySet<string> = new Set(["constructor", "then", "catch", "finally", "dispatcher"]);

/**
 * Marks a promise of something disposable. Its type stays that of a promise, and so refuses `using`, and the members of
 * what it is a promise of, where types are checked.
 *
 * @param call How the promise was got, for example `"WorkerPool.open()"`.
 * @param members The prototype of what it is a promise of: reading a member of that from the promise fails.
 */
export function awaitedFirst<T extends AsyncDisposable>(
  promise: Promise<T>,
  call: string,
  members: T,
): Promise<T> {
  const undisposable = refusal(
    `${call} gives a promise: write 'await using … = await ${call}', with both awaits`,
  );
  const marks: PropertyDescriptorMap = {
    // Both ways read the method where the variable is declared, which is where the error is thrown.
    [Symbol.dispose]: undisposable,
    [Symbol.asyncDispose]: undisposable,
  };
  for (const name of Object.getOwnPropertyNames(members)) {
    if (NEVER_MARKED.has(name)) continue;
    marks[name] = refusal(`${call} gives a promise, which has no '${name}': write 'await ${call}'`);
  }
  return Object.defineProperties(promise, marks);
}

function refusal(message: string): PropertyDescriptor {
  return {
    get(): never {
      throw new TypeError(message);
    },
    configurable: true,
  };
}
