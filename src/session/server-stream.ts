/** The port between the server half of the protocol and what runs a task: one stream. Types only. */
import type { ReceivedMessage } from "./messages/received-message.ts";

/**
 * One task as the server half feeds it. Messages and reasons are cursors, valid during the call; changes of context
 * variables are bytes to keep, `undefined` where there are none.
 */
export interface ServerStream {
  /** The arguments have come, whole. */
  payload(message: ReceivedMessage): void;
  next(variables: Uint8Array | undefined): void;
  send(message: ReceivedMessage): void;
  throw(message: ReceivedMessage): void;
  return(message: ReceivedMessage): void;
  credit(values: number, variables: Uint8Array | undefined): void;
  /** Something has come about an iterable, a stream or a callback among the arguments, or about one in the answer. */
  flow(message: ReceivedMessage): void;
  /** One of the arguments' own signals has fired. */
  signalFired(index: number, reason: ReceivedMessage): void;
  cancel(reason: ReceivedMessage): void;
  /** The stream is over on the wire; whatever runs should stop. Nothing can be sent any more. */
  lost(why: string): void;
}
