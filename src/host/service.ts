/**
 * What distinguishes a worker of the command from one of a pool once its process runs: whoever asks it to end is
 * passed on to its parent, the supervisor, which takes the worker out of discovery first, keeps the time, and can
 * end it also while a body blocks this thread.
 */
import { pause } from "../internal/time/wait.ts";
import type { ServiceInit } from "../process/launch/worker-init.ts";
import type { ParentLink } from "./parent/parent-link.ts";
import type { WorkerHost } from "./worker-host.ts";

/** Sent to this process alone, or by a terminal to the supervisor as well, which takes them for one request. */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Passes on the signals that ask this process to end. Called before modules are imported. */
export function leaveEndToParent(link: Pick<ParentLink, "stopRequested">): void {
  for (const signal of SIGNALS) process.on(signal, () => link.stopRequested(signal));
  // The reader of the output may have gone, as `head` does. The worker goes on serving, and still ends in order.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}

/** Has a worker that serves ask to be ended once it has been idle for as long as it was told. */
export function readyForService(
  worker: Pick<WorkerHost, "idleMs">,
  { idleTimeoutMs }: ServiceInit,
  link: Pick<ParentLink, "stopRequested">,
): void {
  if (idleTimeoutMs === undefined) return;
  void idleFor(worker, idleTimeoutMs).then(() => link.stopRequested(`no calls for ${idleTimeoutMs} ms`));
}

/** Resolves once the worker has been idle for so long. */
async function idleFor(worker: Pick<WorkerHost, "idleMs">, timeoutMs: number): Promise<void> {
  for (let leftMs = timeoutMs; leftMs > 0; leftMs = timeoutMs - worker.idleMs) await pause(leftMs);
}
