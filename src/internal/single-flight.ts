/** One execution for all who ask. Remembers a success, forgets a failure. */

/**
 * Wraps an asynchronous operation so that it runs at most once at a time and at most once with success:
 * concurrent callers share one promise, later ones get the value that was found. After a failure the next
 * call tries again; callers that shared the failed attempt all see its error.
 *
 * @param operation May also throw synchronously; that is a failure like any other.
 * @example
 * const connect = singleFlight(() => openConnection(address));
 * const [a, b] = await Promise.all([connect(), connect()]); // one connection
 */
export function singleFlight<T>(operation: () => Promise<T> | T): () => Promise<T> {
  let flight: Promise<T> | undefined;
  return () => {
    if (flight !== undefined) return flight;
    flight = new Promise<T>((resolve) => {
      resolve(operation());
    }).catch((reason: unknown) => {
      flight = undefined;
      throw reason;
    });
    return flight;
  };
}
