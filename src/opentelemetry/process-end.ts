/** The end of a process that has something to send before: of a worker, and of a program that has nothing left to do. */
import { waitAtMost } from "../internal/time/wait.ts";
import { type WorkerEnding, workerEndingChannel } from "../telemetry/worker-ending.ts";

/** A program that ends is not held up for longer by a collector that does not answer. A worker has its own limit. */
const LIMIT_MS = 2_000;

/** Set for the processes that this one starts, once it has said what there is to say. */
const SAID = "MERINO_OPENTELEMETRY_SAID";

/**
 * Has a function called, and waits for what it returns, before the process ends. It is called once.
 *
 * @param failed Told if that fails before its time is up: nobody else is.
 */
export function endWithProcess(last: () => Promise<void>, failed: (error: unknown) => void): void {
  const end = (): Promise<void> => last().catch(failed);
  workerEndingChannel.subscribe((message) => (message as WorkerEnding).waitUntil(end()));
  process.once("beforeExit", () => {
    const exit = (): void => {
      // Connections that nothing comes of keep the process alive; so does what others do at its end, and may finish.
      if (process.listenerCount("beforeExit") === 0) process.exit();
    };
    // Warnings are printed in the next tick.
    void waitAtMost(LIMIT_MS, end()).then(() => process.nextTick(exit));
  });
}

/** Whether no process above this one has said it. */
export function isFirstToSay(): boolean {
  if (process.env[SAID] !== undefined) return false;
  process.env[SAID] = "1";
  return true;
}
