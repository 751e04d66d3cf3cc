/**
 * Waiting with an end: a pause, and a promise that is waited for up to a limit.
 *
 * Nothing here keeps the process alive, and no deadline is left behind.
 */
import { type DeadlineQueue, deadlines } from "./deadline-queue.ts";

/**
 * Resolves once `delayMs` has passed, or as soon as the signal fires. Never rejects.
 *
 * @param delayMs Milliseconds; `Infinity` leaves it to the signal.
 * @param queue Where time comes from; the shared one unless a test gives another.
 */
export function pause(
  delayMs: number,
  signal?: AbortSignal,
  queue: DeadlineQueue = deadlines,
): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      queue.cancel(entry);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const entry = queue.after(delayMs, end);
    signal?.addEventListener("abort", end);
  });
}

/**
 * Waits for a promise up to a limit. It is not cancelled at the limit; its outcome after that is ignored.
 *
 * @param limitMs Milliseconds; `Infinity` sets no limit.
 * @param queue Where time comes from; the shared one unless a test gives another.
 * @returns Its value; `undefined` at the limit.
 * @throws The reason with which it is rejected before the limit.
 */
export function waitAtMost<T>(
  limitMs: number,
  promise: PromiseLike<T>,
  queue: DeadlineQueue = deadlines,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const entry = queue.after(limitMs, () => resolve(undefined));
    promise.then(
      (value) => {
        queue.cancel(entry);
        resolve(value);
      },
      (error: unknown) => {
        queue.cancel(entry);
        reject(error);
      },
    );
  });
}
