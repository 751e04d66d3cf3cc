/** Puts into words what became of a call whose worker has gone, and whether it can have run. Pure. */

import { explainLimit } from "../../errors/reached-limit.ts";
import type { LossReason, LostWorker } from "../../errors/worker-lost-error.ts";
import { shownModule } from "../../internal/shown-module.ts";
import type { Call } from "../call/call.ts";

/**
 * Explains a loss to the caller of one call: what happened, what to do about it where that is known, and what it
 * means for the call.
 *
 * @param end `error`: how the connection ended, where that is known.
 */
export function explainLoss(
  call: Pick<Call, "phase" | "definition">,
  worker: LostWorker,
  { error, reason }: { readonly error: Error | undefined; readonly reason: LossReason },
): string {
  const { id, module } = call.definition;
  const { importing, advice } = worker;
  // Its body follows the import of its module, and an accepted call would have been heard of.
  const notRun = importing !== undefined && importing === module && call.phase === "sent";
  return [
    whatHappened(worker, notRun) ??
      (reason === "stopped" ? "it was stopped" : (error?.message ?? "its connection ended")),
    ...(advice === undefined ? [] : [advice]),
    `the call to '${id}' ${notRun ? "has not run" : "may have run"}`,
  ].join("; ");
}

/**
 * Whether a worker that is gone was stopped, or was lost unasked.
 *
 * @param leaving Whether it had said that it ends as it was told to, before the connection did.
 */
export function lossReason(leaving: boolean, { exitCode = 0, signal, culprit }: LostWorker): LossReason {
  // One that does not end in time is killed.
  const asTold = culprit === undefined && exitCode === 0 && (signal === undefined || signal === "SIGKILL");
  return leaving && asTold ? "stopped" : "lost";
}

function whatHappened({ culprit, importing, limit }: LostWorker, notRun: boolean): string | undefined {
  if (culprit !== undefined) {
    return culprit === importing
      ? `it was replaced, because the import of ${shownModule(culprit)} blocked it for longer than its importTimeout`
      : `it was replaced, because '${culprit}' went on after it was cancelled and blocked the worker`;
  }
  if (limit !== undefined) return `it ${explainLimit(limit)}`;
  return notRun && importing !== undefined ? `it died while importing ${shownModule(importing)}` : undefined;
}
