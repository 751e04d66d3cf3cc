/** What the channels of `merino:execution` tell about a task, at its worker. */
import type { TraceContext } from "./trace-context.ts";

/** How an execution ended. */
export type ExecutionOutcome = "completed" | "failed" | "cancelled";

/** One execution of a routine's body. The same object is published to every channel. */
export interface ExecutionMessage {
  /** Identity of the routine. */
  readonly routine: string;
  /** Name of the body. */
  readonly functionName: string;
  /** URL of the module that declares it; "" if it has none. */
  readonly module: string;
  /** The `tag` given with the call. */
  readonly tag: string | undefined;
  /** The `priority` given with the call; 0 by default. */
  readonly priority: number;
  /** Whether the routine is a generator. */
  readonly streaming: boolean;
  /** The task's id. */
  readonly id: string;
  /** The id of the task that made the call; undefined for a call from outside any task. */
  readonly caller: string | undefined;
  /** From the arrival of the task until its body was called, in milliseconds. */
  readonly queuedMs: number;
  /** Bytes of the encoded arguments. */
  readonly requestBytes: number;
  /** Bytes of the encoded results that have been sent. */
  readonly responseBytes: number;
  /** Values that a generator has yielded so far; 0 for a function. */
  readonly steps: number;
  /** Undefined until it is over. */
  readonly outcome: ExecutionOutcome | undefined;
  /** What the body has thrown, if it has. */
  readonly error: unknown;
  /**
   * What came with the task. A subscriber of `start` may put another one here, for what happens in the task: calls that
   * it makes carry it, and `currentTask().trace` is read from it.
   */
  trace: TraceContext | undefined;
  /**
   * How code of the task is run: its body, each step of its generator, listeners of its signals. A subscriber of `start`
   * may put a function here, which calls its argument once, at once, and returns what that does; one that finds another
   * there calls it inside. Undefined: called directly.
   */
  run: (<T>(fn: () => T) => T) | undefined;
}
