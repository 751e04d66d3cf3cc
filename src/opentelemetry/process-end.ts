/** The end of a process that has something to send before: of a worker, and of a program that has nothing left to do. */
import { waitAtMost } from "../internal/time/wait.ts";
import { type WorkerEnding, workerEndingChannel } from "../telemetry/worker-ending.ts";

/** A program that ends is not held up for longer by a collector that does not answer. A worker has its own limit. */
const LIMIT_MS = 2_000;

/** Set for the processes that this one starts, once it has said what there is to say. */
const SAID = "MERINO_OPENTELEMETRY_SAID";

/** Has a function called, and waits for what it returns, before the process ends. It is called once. */
export function endWithProcess(last: () => Promise<void>): void {
  workerEndingChannel.subscribe((message) => (message as WorkerEnding).waitUntil(last()));
  process.once("beforeExit", () => {
    const end = (): void => {
      // Connections that nothing comes of keep the process alive; so does what others do at its end, and may finish.
      if (process.listenerCount("beforeExit") === 0) process.exit();
    };
    waitAtMost(LIMIT_MS, last()).then(end, end);
  });
}

/** Whether no process above this one has said it. */
export function isFirstToSay(): boolean {
  if (process.env[SAID] !== undefined) return false;
  process.env[SAID] = "1";
  return true;
}
