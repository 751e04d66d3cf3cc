/** The time for what need not be exact: read once for all that happens in one turn, since reading it costs as much as it. */

let ms = 0;

const forget = (): void => {
  ms = 0;
};

/** The time in whole milliseconds, at least 1, as `performance.now()` counted when the turn first asked. */
export function turnTimeMs(): number {
  if (ms === 0) {
    ms = Math.max(1, Math.trunc(performance.now()));
    queueMicrotask(forget);
  }
  return ms;
}
