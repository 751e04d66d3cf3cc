/** A worker that never became ready. */
import { shownBelow } from "../internal/shown-text.ts";
import { defineError, MerinoError } from "./merino-error.ts";

/** How a worker ended before it was ready. */
export interface FailedStart {
  /** Exit code of the process, if it ended by itself. */
  readonly exitCode?: number | undefined;
  /** The signal that ended the process, if one did. */
  readonly signal?: string | undefined;
  /** The last 8 KiB at most of what it wrote to its standard error. */
  readonly stderr?: string | undefined;
}

/**
 * A worker could not be started: it died early, reported an error, or took too long. If a module could not be
 * imported, the `cause` is the error of that.
 */
export class WorkerStartError extends MerinoError {
  static {
    defineError(
      this,
      { name: "WorkerStartError", code: "ERR_MERINO_WORKER_START", fault: "worker" },
      { shown: shownBelow }, // with the stack of what a module has thrown
    );
  }
  /** Exit code of the process; undefined if a signal ended it or it never ran. */
  readonly exitCode: number | undefined;
  /** Signal that ended the process, for example `"SIGKILL"`. */
  readonly signal: string | undefined;
  /** The last lines the process wrote to standard error. They are not shown with the error: they were forwarded. */
  declare readonly stderr: string | undefined;

  constructor(why: string, details: FailedStart = {}, options?: ErrorOptions) {
    super(`Cannot start a worker: ${why}`, options);
    this.exitCode = details.exitCode;
    this.signal = details.signal;
    Object.defineProperty(this, "stderr", { value: details.stderr });
  }
}
