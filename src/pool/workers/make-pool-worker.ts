/** Has a worker made for a place of a pool, by the library or by a factory of the user's. It is not started. */
import { assertMethods } from "../../errors/check-options.ts";
import { forgetAtExit, removeAtExit } from "../../internal/remove-at-exit.ts";
import { ToldWorker } from "../../process/told-worker.ts";
import type { Worker } from "../../process/worker.ts";
import { socketPath } from "../../transport/unix/socket-path.ts";
import { PoolWorker } from "./pool-worker.ts";
import type { WorkerSlotOptions } from "./worker-slot-options.ts";

/**
 * Makes it.
 *
 * @param instead The worker that serves until this one does, and whose modules it has by then. Default: none.
 * @throws What the factory throws, and {@link InvalidOptionError} if what it returns is no worker.
 */
export function makePoolWorker(uid: string, options: WorkerSlotOptions, instead?: PoolWorker): PoolWorker {
  const { factory, tags, extra, entry, program, trust, warm, resources, slot, startTimeoutMs } = options;
  const reports = options.reports?.(uid);
  const path = socketPath();
  removeAtExit(path);
  try {
    const worker = factory({
      ...{ uid, socketPath: path, tags, extra, entry, program, trust, warm, resources, slot, startTimeoutMs },
      discoveries: options.discoveries?.(),
      siblings: options.siblings?.(),
      ...(reports !== undefined && { reports }),
      ...(instead !== undefined && { preload: instead.imports.loaded, unhurried: true }),
    });
    // The factory may be user code.
    assertMethods("worker", (worker as Worker | undefined) ?? null, ["start", "stop", "notify"]);
    return new PoolWorker(new ToldWorker(worker), path);
  } catch (error) {
    forgetAtExit(path); // there is nobody who would listen on it
    throw error;
  }
}
