/** A worker that was lost while calls were on it. */
import { defineError, MerinoError } from "./merino-error.ts";
import type { ReachedLimit } from "./reached-limit.ts";

/** The known facts about the worker that was lost. */
export interface LostWorker {
  /** Of its record, as `WorkerMetadata` has it. */
  readonly uid: string;
  /** Process id on its host. */
  readonly pid?: number | undefined;
  /** Where it was connected. */
  readonly address?: string | undefined;
  /** Exit code of the process, when it ended by itself and this side owns it. */
  readonly exitCode?: number | undefined;
  /** Signal that ended the process. */
  readonly signal?: string | undefined;
  /** The last lines the process wrote to standard error. */
  readonly stderr?: string | undefined;
  /** The limit of its memory that it has reached, if it is a thread. */
  readonly limit?: ReachedLimit | undefined;
  /** Identity of the routine, or URL of the module, that blocked the worker until it was replaced. */
  readonly culprit?: string | undefined;
  /** `file:` URL of the module whose import was under way. */
  readonly importing?: string | undefined;
  /** What to do about it, where that is known. */
  readonly advice?: string | undefined;
}

/**
 * How a call has lost its worker. `stopped`: the worker was told to end, and the time that it had for calls under way
 * was over before this one had ended. `lost`: its process or its connection has ended unasked.
 */
export type LossReason = "stopped" | "lost";

/**
 * The worker ended, or its connection did, while the call was on it. The body may have run, in part or whole, unless
 * the message says that it has not: the worker died while it imported the routine's module.
 */
export class WorkerLostError extends MerinoError {
  static {
    defineError(this, { name: "WorkerLostError", code: "ERR_MERINO_WORKER_LOST", fault: "worker" });
  }
  /** The worker, and how it ended as far as that is known. */
  readonly worker: LostWorker;
  /** Whether it was stopped, or was lost unasked. */
  readonly reason: LossReason;

  /** @param options `reason`: default `lost`. */
  constructor(
    why: string,
    worker: LostWorker,
    options: ErrorOptions & { readonly reason?: LossReason | undefined } = {},
  ) {
    const { reason = "lost", ...cause } = options;
    super(`Lost worker '${worker.uid}'${describeEnd(worker)}: ${why}`, cause);
    this.worker = worker;
    this.reason = reason;
  }
}

/** What is known of its process, in brackets. */
function describeEnd({ pid, exitCode, signal }: LostWorker): string {
  const parts = [
    ...(pid === undefined ? [] : [`pid ${pid}`]),
    ...(exitCode === undefined ? [] : [`exited with code ${exitCode}`]),
    ...(signal === undefined ? [] : [`ended by ${signal}`]),
  ];
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}
