/** What the channels of `merino:worker` tell about a worker, at its parent. */

/** The start of a worker. It is over when the worker serves, or has not come up. */
export interface WorkerMessage {
  /** The uid that it serves under. */
  readonly uid: string;
  /** Process id; undefined before there is a process. */
  readonly pid: number | undefined;
  /** Why it has not come up; undefined unless it has not. */
  readonly error: unknown;
}

/** The end of a worker that was started. */
export interface WorkerExitMessage {
  /** The uid that it served under. */
  readonly uid: string;
  /** Process id; undefined if there was no process. */
  readonly pid: number | undefined;
  /** Undefined when a signal ended it, or it never ran. */
  readonly exitCode: number | undefined;
  /** For example `"SIGKILL"`; undefined when it ended by itself. */
  readonly signal: string | undefined;
  /** Whether this process has told it to end, or has ended it. */
  readonly expected: boolean;
}
