/** The workers that a pool's options ask for. */
import { labelOfPool } from "../../client/membership/pool-label.ts";
import { paceMs } from "../size/elastic-size.ts";
import type { ResolvedWorkerPoolOptions } from "../worker-pool-options.ts";
import { LocalWorkers } from "./local-workers.ts";
import { OwnWorkers, type OwnWorkersOptions } from "./own-workers.ts";
import type { PoolWorkers } from "./pool-workers.ts";

/** The pool as its workers see it. */
export interface WorkersOwner
  extends Pick<
    OwnWorkersOptions,
    | "ready"
    | "takesOver"
    | "gone"
    | "retired"
    | "event"
    | "connectionTo"
    | "discoveries"
    | "siblings"
    | "loaded"
  > {
  /** Its id. */
  readonly id: string;
}

/** Makes them; none is started. */
export function makeWorkers(options: ResolvedWorkerPoolOptions, owner: WorkersOwner): PoolWorkers {
  const { id, ...pool } = owner;
  const { local, size, range, worker, trust, tags, warm, resources, respawn, startTimeoutMs } = options;
  const extra = { ...options.extra, ...labelOfPool(id) };
  if (local) return new LocalWorkers({ ...pool, tags, extra, warm, resources, pool: id });
  const { recycle, shutdownTimeoutMs, killGraceMs } = options;
  return new OwnWorkers({
    ...pool,
    ...{ size, factory: worker, trust, tags, extra, warm, resources, startTimeoutMs, respawn },
    startSize: range?.min,
    loadEveryMs: range === undefined ? undefined : paceMs(range),
    recycle: recycle && {
      limits: recycle,
      retirement: { graceMs: shutdownTimeoutMs, killAfterMs: killGraceMs },
    },
  });
}
