/** The workers that a pool's options ask for. */
import { labelOfPool } from "../../client/membership/pool-label.ts";
import type { ResolvedWorkerPoolOptions } from "../worker-pool-options.ts";
import { LocalWorkers } from "./local-workers.ts";
import { OwnWorkers, type OwnWorkersOptions } from "./own-workers.ts";
import type { PoolWorkers } from "./pool-workers.ts";

/** The pool as its workers see it. */
export interface WorkersOwner
  extends Pick<
    OwnWorkersOptions,
    "ready" | "gone" | "retired" | "event" | "connectionTo" | "discoveries" | "siblings"
  > {
  /** Its id. */
  readonly id: string;
}

/** Makes them; none is started. */
export function makeWorkers(options: ResolvedWorkerPoolOptions, owner: WorkersOwner): PoolWorkers {
  const { id, ...pool } = owner;
  const { local, size, worker, trust, tags, warm, respawn, startTimeoutMs } = options;
  const extra = { ...options.extra, ...labelOfPool(id) };
  return local
    ? new LocalWorkers({ ...pool, tags, extra, warm, pool: id })
    : new OwnWorkers({ ...pool, size, factory: worker, trust, tags, extra, warm, startTimeoutMs, respawn });
}
