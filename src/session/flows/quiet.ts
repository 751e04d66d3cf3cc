/**
 * Rejections that possibly nobody awaits: what has gone wrong at the other end, or that the call has ended there, must not
 * end this process, as an unhandled rejection does. Whoever awaits them is told all the same.
 */
import type { Deferred } from "../../internal/deferred.ts";

/** @returns The promise itself. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

/** Rejects one whose holder may have forgotten it. */
export function rejectQuietly<T>({ promise, reject }: Deferred<T>, error: unknown): void {
  void quiet(promise);
  reject(error);
}

/** A promise that is rejected. */
export function quietRejection(error: unknown): Promise<never> {
  return quiet(Promise.reject(error));
}

function ignore(): void {}
