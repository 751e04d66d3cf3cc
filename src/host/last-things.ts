/** What subscribers do before the process of a worker ends. */
import { waitAtMost } from "../internal/time/wait.ts";
import { type WorkerEnding, workerEndingChannel } from "../telemetry/worker-ending.ts";

/** Well below the time after which a worker that is to end is killed. */
const LIMIT_MS = 2_000;

/** Tells them that it ends. Resolves once they are done, or out of time; never rejects. */
export async function doLastThings(): Promise<void> {
  if (!workerEndingChannel.hasSubscribers) return;
  const waitedFor: PromiseLike<unknown>[] = [];
  const message: WorkerEnding = { waitUntil: (promise) => void waitedFor.push(promise) };
  workerEndingChannel.publish(message);
  await waitAtMost(LIMIT_MS, Promise.allSettled(waitedFor));
}
