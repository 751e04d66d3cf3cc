/**
 * Time as a parameter, so that tests move it by hand.
 *
 * Instants are milliseconds on a monotonic clock with an arbitrary origin; they mean nothing in another
 * process. No timer made here keeps the process alive.
 */

/** Tells the time and sets one-shot timers. */
export interface Clock {
  /** Milliseconds on a monotonic clock, fractions included. */
  now(): number;
  /**
   * Calls `run` once, no sooner than about `delayMs` from now. Never keeps the process alive.
   *
   * @param delayMs From 0 to {@link MAX_TIMER_MS}.
   * @returns Disposing it before it has run prevents it.
   */
  setTimeout(run: () => void, delayMs: number): Disposable;
}

/** The longest delay a Node timer takes; a longer one would fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/** The clock of this process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout(run, delayMs) {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
