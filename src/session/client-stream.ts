/** The port between the client half of the protocol and a call: one stream. Types only. */
import type { Nack } from "../wire/frames.ts";
import type { Enclosure } from "./carrier.ts";
import type { ReceivedMessage } from "./messages/received-message.ts";

/**
 * One stream as the client half drives it. Each ends with exactly one of the terminal events. Messages are cursors,
 * valid during the event.
 */
export interface ClientStream {
  /**
   * The worker has taken the task: an Ack. If the first response implies the Ack, this is not called; version
   * and uid are then those of the worker's Hello.
   *
   * @param version The worker's version; that of its Hello if the Ack states none.
   * @param uid The worker's uid, likewise.
   */
  accepted(version: string, uid: string): void;
  /** The body has suspended for the first time, after occupying its thread for this long. */
  parked(bodyUs: number): void;
  /** Something has come about an iterable, a stream or a callback among the arguments, or about one in the answer. */
  flow(message: ReceivedMessage): void;
  /** A value that a generator yielded; or the answer of a function, of which streams in it go on. */
  result(message: ReceivedMessage): void;
  /** Terminal: the function's or generator's return value. */
  done(message: ReceivedMessage): void;
  /** Terminal: the value that the body threw. */
  exception(message: ReceivedMessage): void;
  /**
   * Terminal: the worker did not start the task.
   *
   * @param returned What had changed hands with the task; absent: nothing had, or it does not come back.
   */
  refused(nack: Nack, returned?: Enclosure): void;
  /** Terminal: the stream ended in a way the protocol reserves for faults. */
  failed(error: Error): void;
  /** Terminal: the connection ended. `started` is false when the task provably never reached the worker. */
  lost(error: Error | undefined, started: boolean): void;
}
