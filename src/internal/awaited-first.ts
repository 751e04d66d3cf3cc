/**
 * Tells whoever writes `using x = open()` that what they have is a promise. The engine's own error says only that it is
 * not disposable. Both ways read the method where the variable is declared, which is where the error is thrown.
 */

/**
 * Marks a promise of something disposable. Its type stays that of a promise, and so refuses `using` where types are
 * checked.
 *
 * @param call How the promise was got, for example `"WorkerPool.open()"`.
 */
export function awaitedFirst<T extends AsyncDisposable>(promise: Promise<T>, call: string): Promise<T> {
  const refusal = {
    get(): never {
      throw new TypeError(`${call} gives a promise: write 'await using … = await ${call}', with both awaits`);
    },
    configurable: true,
  };
  return Object.defineProperties(promise, {
    [Symbol.dispose]: refusal,
    [Symbol.asyncDispose]: refusal,
  });
}
