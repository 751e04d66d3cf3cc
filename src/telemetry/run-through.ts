/**
 * Runs code through a function that a subscriber has given. Whatever that does, the code is run once, and what it
 * returns or throws is what comes out.
 */

/**
 * @param run Should call its argument once, at once. What it throws itself is reported as an uncaught exception, as what
 *   subscribers throw is; one that does not call its argument is left out. Absent: the code is called directly.
 */
export function runThrough<R>(run: (<T>(fn: () => T) => T) | undefined, fn: () => R): R {
  if (typeof run !== "function") return fn();
  let state: "waits" | "returned" | "threw" = "waits";
  let outcome: unknown; // what the code has returned or thrown
  const runOnce = (): R => {
    if (state === "waits") {
      try {
        outcome = fn();
        state = "returned";
      } catch (error) {
        outcome = error;
        state = "threw";
      }
    }
    if (state === "threw") throw outcome;
    return outcome as R;
  };
  try {
    run(runOnce);
  } catch (error) {
    const isOfCode = (state as string) === "threw" && outcome === error;
    if (!isOfCode) {
      process.nextTick(() => {
        throw error;
      });
    }
  }
  return runOnce();
}
