/** What the channels of `merino:call` tell about a call, at its caller. */
import type { TraceContext } from "./trace-context.ts";

/** How a call is over for its caller. */
export type CallOutcome = "completed" | "failed" | "cancelled";

/** A worker that a call was sent to. */
export interface CallWorker {
  /** Its uid, as its record says. */
  readonly uid: string;
  /** Where it was reached: `host:port`, or the path of a Unix socket. */
  readonly address: string;
  /** Its version, as its Hello or Ack said. */
  readonly version: string;
}

/** A refusal by a worker, as `merino:call:refused` tells of it. */
export interface CallRefusal {
  /** Uid of the worker. */
  readonly worker: string;
  /** Name of the refusal code, for example "OVERLOADED". */
  readonly code: string;
  /** What the worker says about it, in a form that can be printed. */
  readonly reason: string;
}

/**
 * One call. The same object is published to every channel, so that a subscriber can keep what it knows of the call by
 * it, in a `WeakMap`; fields are filled in as they become known.
 */
export interface CallMessage {
  /** Identity of the routine. */
  readonly routine: string;
  /** Name of the body; "" where this process does not know it. */
  readonly functionName: string;
  /** URL of the module that declares it; "" where this process does not know it. */
  readonly module: string;
  /** The `tag` given with the call. */
  readonly tag: string | undefined;
  /** The `priority` given with the call; 0 by default. */
  readonly priority: number;
  /** Whether it was made inside a task. */
  readonly nested: boolean;
  /** Whether the routine is a generator. */
  readonly streaming: boolean;
  /** The task's id, as `currentTask()` knows it on the worker; undefined before it is sent. */
  readonly id: string | undefined;
  /** The worker that it was last sent to; undefined before. */
  readonly worker: CallWorker | undefined;
  /** How often it was sent; more than 1 after refusals. */
  readonly attempts: number;
  /** From the call until it was last sent, in milliseconds: 0 for one that was sent at once; undefined before. */
  readonly queuedMs: number | undefined;
  /** Bytes of the encoded arguments; undefined if they could not be encoded. */
  readonly requestBytes: number | undefined;
  /** Bytes of the encoded results that have come. */
  readonly responseBytes: number;
  /** Values that a generator has yielded so far; 0 for a function. */
  readonly steps: number;
  /** Undefined until it is over. */
  readonly outcome: CallOutcome | undefined;
  /** What its promise rejects with, if it does. */
  readonly error: unknown;
  /** Whether the routine's body has thrown that, on its worker. */
  readonly thrownByBody: boolean;
  /**
   * What travels with the call. A subscriber of `start` may put another one here; otherwise it is that of the task which
   * makes the call, or undefined.
   */
  trace: TraceContext | undefined;
}
