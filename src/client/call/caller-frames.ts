/**
 * Puts the lines of the program that wait for a call under the stack of the error that the call fails with. The error
 * arises in another process, or in a turn of the event loop of its own, so that its stack shows none of them. They are
 * asked for when a call fails, and at no other time: a call that succeeds pays nothing.
 */
import { isMerinoError } from "../../errors/merino-error.ts";
import { hasUsualFormatter } from "../../internal/error-settings.ts";
import { changeStack } from "../../internal/lazy-stack.ts";
import { isOwnLine } from "../../internal/own-lines.ts";

/** Errors that have their lines, or were seen without any: one that several calls fail with has those of the first. */
const traced = new WeakSet<object>();

/**
 * Rejects a promise, with the callers' lines in the error.
 *
 * V8 follows the chain of promises from a reaction that is running to the functions that await its outcome. So the
 * promise is resolved with the promise of a reaction, in which the stack is taken. The order matters: the promise has
 * to wait for that of the reaction before the reaction runs.
 *
 * @param resolve Resolves the promise. Nothing else may have settled it.
 * @param error What it is rejected with, a few microtasks later.
 */
export function rejectWithCallers(resolve: (outcome: Promise<never>) => void, error: unknown): void {
  if (!(error instanceof Error) || traced.has(error)) {
    resolve(Promise.reject(error));
    return;
  }
  traced.add(error);
  follow(resolve, error);
}

/**
 * Fails with the error of a call that others than its own caller wait for, such as the reader of a map.
 *
 * @returns A promise that rejects. Await it where the error is passed on.
 */
export function passToCallers(error: unknown): Promise<never> {
  if (!(error instanceof Error) || !traced.has(error)) return Promise.reject(error);
  return new Promise((resolve) => follow(resolve, error));
}

/**
 * Puts the lines of those who wait for an async function under the error that it is about to fail with.
 *
 * @param error What the function has caught, after an `await` of its own: before that, nobody waits yet, and the stack
 *   shows who has called it.
 */
export function showCallers(error: unknown): void {
  if (!(error instanceof Error) || traced.has(error)) return;
  traced.add(error);
  addLines(error);
}

function follow(resolve: (outcome: Promise<never>) => void, error: Error): void {
  let begin!: () => void;
  const begun = new Promise<void>((resolveBegun) => {
    begin = resolveBegun;
  });
  resolve(
    begun.then(() => {
      addLines(error);
      throw error;
    }),
  );
  begin();
}

/** Puts the lines of those who wait now under the error's stack. They become text when it does. */
function addLines(error: Error): void {
  const waiting: { readonly stack?: unknown } = {};
  try {
    Error.captureStackTrace(waiting);
    // A formatter of the program's own may be there for a moment only.
    const written = hasUsualFormatter() ? undefined : asyncLines(waiting);
    changeStack(error, (stack) => {
      const lines = written ?? asyncLines(waiting);
      if (lines.length === 0) return stack;
      return [isMadeHere(error, stack) ? headOf(error, stack) : stack, ...lines].join("\n");
    });
  } catch {
    // An error with a `stack` that cannot be read is handed out as it is.
  }
}

/** The program's async lines of a stack that V8 has taken; none if nobody waits, or only by callbacks. */
function asyncLines(holder: { readonly stack?: unknown }): readonly string[] {
  try {
    // Formatted here, by the program's own `prepareStackTrace` if it has one.
    const { stack } = holder;
    if (typeof stack !== "string") return [];
    return stack.split("\n").filter((line) => /^\s+at async /.test(line) && !isOwnLine(line));
  } catch {
    return [];
  }
}

/** The frames of an error of Merino's that no worker has sent say how the library noticed, which helps nobody. */
function isMadeHere(error: Error, stack: string): boolean {
  return isMerinoError(error) && !/\n\s+at \[/.test(stack);
}

/** The text before the frames. A message may have lines that look like frames: what a worker has printed. */
function headOf({ name, message }: Error, stack: string): string {
  const head = `${name}: ${message}`;
  if (stack.startsWith(head)) return head;
  const frames = stack.search(/\n\s+at /);
  return frames === -1 ? stack : stack.slice(0, frames);
}
