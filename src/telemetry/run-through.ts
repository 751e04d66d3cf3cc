/**
 * Runs code through a function that a subscriber has given. Whatever that does, the code is run once, and what it
 * returns or throws is what comes out.
 */

type Outcome<R> = { readonly value: R } | { readonly error: unknown };

/**
 * @param run Should call its argument once, at once. What it throws itself is reported as an uncaught exception, as what
 *   subscribers throw is; one that does not call its argument is left out. Absent: the code is called directly.
 */
export function runThrough<R>(run: (<T>(fn: () => T) => T) | undefined, fn: () => R): R {
  if (typeof run !== "function") return fn();
  let outcome: Outcome<R> | undefined;
  const runOnce = (): R => {
    outcome ??= outcomeOf(fn);
    return unwrap(outcome);
  };
  try {
    run(runOnce);
  } catch (error) {
    const isOfCode = outcome !== undefined && "error" in outcome && outcome.error === error;
    if (!isOfCode) {
      process.nextTick(() => {
        throw error;
      });
    }
  }
  outcome ??= outcomeOf(fn);
  return unwrap(outcome);
}

function outcomeOf<R>(fn: () => R): Outcome<R> {
  try {
    return { value: fn() };
  } catch (error) {
    return { error };
  }
}

function unwrap<R>(outcome: Outcome<R>): R {
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}
