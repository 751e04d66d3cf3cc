/** A promise settled from outside. It adds nothing to the promise: an unobserved rejection is still reported. */

/** A promise together with the means to settle it. The first settlement counts. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T | PromiseLike<T>) => void;
  readonly reject: (reason: unknown) => void;
}

/** Makes a promise that its holder settles. (`Promise.withResolvers` is missing in Node 20.) */
export function createDeferred<T = void>(): Deferred<T> {
  let resolve: Deferred<T>["resolve"] | undefined;
  let reject: Deferred<T>["reject"] | undefined;
  const promise = new Promise<T>((onValue, onReason) => {
    resolve = onValue;
    reject = onReason;
  });
  // A promise calls its executor before its constructor returns.
  return { promise, resolve: resolve as Deferred<T>["resolve"], reject: reject as Deferred<T>["reject"] };
}
