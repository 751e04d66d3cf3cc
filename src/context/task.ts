/**
 * The task as its own routine sees it, and as the calls nested in it see it. Types only; on a worker, what is behind
 * them is `worker/incoming-task.ts`.
 */
import type { Peer } from "../credentials/peers/peer.ts";
import type { TraceContext, TraceIds } from "../telemetry/trace-context.ts";

/** One link of the chain of tasks that led to a task. */
export interface TaskCaller {
  /** Id of the calling task. */
  readonly id: string;
  /** Identity of the calling routine. */
  readonly routine: string;
  /** The `tag` of the call that made it. */
  readonly tag: string | undefined;
  /** The caller's own caller, of at most 32; absent for the outermost task. */
  readonly caller: TaskCaller | undefined;
}

/** The running task as its routine sees it; `currentTask()` returns it. */
export interface Task {
  /** UUID-shaped, unique per call. */
  readonly id: string;
  /** The task that made this call; absent when it came from outside any task. */
  readonly caller: TaskCaller | undefined;
  /** The `tag` given with the call. */
  readonly tag: string | undefined;
  /** Who has sent it: the program or worker at the other end of the connection. */
  readonly peer: Peer;
  /**
   * Identities of the first caller of the chain, as the worker that it called has verified them; undefined for a program
   * on that worker's own host, and for one that nobody has verified. For a nested call it is what the calling worker
   * says, and worth as much as that: `peer` is who that is.
   */
  readonly origin: readonly string[] | undefined;
  /** Identity of the routine. */
  readonly routine: string;
  /** Fires when the caller cancels, the budget runs out, or the worker shuts down. */
  readonly signal: AbortSignal;
  /**
   * Fires when the worker begins to end, or takes no new calls since its pool closes or replaces it. The task may go on,
   * for as long as the worker is granted; then `signal` fires. A long one can use this to come to an early end.
   */
  readonly draining: AbortSignal;
  /** When the call's budget ends, in milliseconds on the clock of `performance.now()` of this process; absent without one. */
  readonly deadline: number | undefined;
  /**
   * The ids of the trace that the task belongs to, for example to write them beside what it logs; undefined if no trace
   * context has come with it, or one without a valid `traceparent`. See docs/telemetry.md.
   */
  readonly trace: TraceIds | undefined;
}

/** One task of a chain, as it travels with a nested call. */
export interface LineageEntry {
  readonly id: string;
  readonly routine: string;
  readonly tag: string | undefined;
}

/** Something that can be ended with a reason: a call, as its task or its signal sees it. */
export interface Abortable {
  abort(reason: unknown): void;
}

/** The running task as the library sees it. */
export interface RunningTask extends Task {
  /** Whether its signal has fired. */
  readonly cancelled: boolean;
  /** The trace context of calls made by this task. */
  readonly traceContext: TraceContext | undefined;
  /** Names of the resources that the task holds, or a task that it was called from: its calls cannot have more of them. */
  readonly held: readonly string[];
  /** The chain for calls made by this task, nearest first, beginning with the task itself. */
  lineage(): readonly LineageEntry[];
  /** Ties a nested call to the task: it ends when the task is cancelled. */
  attach(child: Abortable): void;
  detach(child: Abortable): void;
}
