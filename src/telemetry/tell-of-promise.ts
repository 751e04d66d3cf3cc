/** Tells of an operation that settles a promise. */
import type { TracingChannel } from "node:diagnostics_channel";
import { OperationMessages } from "./operation-messages.ts";

/**
 * @param message Its `error` becomes what the promise rejects with.
 * @returns The operation's own promise.
 */
export function tellOfPromise<T>(
  channel: TracingChannel,
  message: { error: unknown },
  operate: () => Promise<T>,
): Promise<T> {
  const messages = new OperationMessages(channel, message);
  const promise = messages.begin(operate);
  promise.then(
    () => messages.over(false),
    (error: unknown) => {
      message.error = error;
      messages.over(true);
    },
  );
  return promise;
}
