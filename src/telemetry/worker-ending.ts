/** The end of a worker, for whoever has something to do before its process ends. */
import { type Channel, channel } from "node:diagnostics_channel";

/** What `merino:worker:ending` tells: the worker has finished its calls, and its process is about to end. */
export interface WorkerEnding {
  /** Has the process wait for a promise, however it settles: for two seconds at most. To be called at once. */
  waitUntil(promise: PromiseLike<unknown>): void;
}

/** Published once in a worker's process, if it ends in order: `WorkerEnding`. */
export const workerEndingChannel: Channel = channel("merino:worker:ending");
