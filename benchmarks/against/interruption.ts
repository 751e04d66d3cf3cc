/**
 * Turns the signals that end a program into one that aborts what it is doing, so that it comes to its own end and
 * leaves nothing behind. What it does on the way there is bounded, so a second signal has nothing to add.
 */
import { BenchmarkError } from "../support/benchmark-error.ts";

const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type Name = keyof typeof NUMBERS;

/** Fires with a `BenchmarkError` that has the customary exit code. In force until it is disposed of. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
}

export function watchForInterruption(): Interruption {
  const controller = new AbortController();
  const interrupt = (name: Name) =>
    controller.abort(new BenchmarkError(`Interrupted by ${name}`, { exitCode: 128 + NUMBERS[name] }));
  const names = Object.keys(NUMBERS) as Name[]; // the keys of the constant above
  for (const name of names) process.on(name, interrupt);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of names) process.off(name, interrupt);
    },
  };
}
