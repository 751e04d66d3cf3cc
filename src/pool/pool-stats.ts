/** The figures of a pool, as `stats()` returns them. */
import type { DispatchCounts } from "../client/dispatch/dispatch-counts.ts";
import type { ExplainedMember } from "../client/membership/explanation.ts";
import type { WorkerProxy } from "../client/worker-proxy.ts";

/** Figures of a pool. Counters run from its opening. */
export interface PoolStats extends Readonly<DispatchCounts> {
  /** Workers the pool spawns. */
  readonly size: number;
  /** Members that take calls now. */
  readonly ready: number;
  /** Calls waiting for a worker. */
  readonly queued: number;
  /** Calls held back until fewer wait; see the option `overflow`. */
  readonly held: number;
  /** For how long the call has waited that has waited longest, in milliseconds; 0 if none waits. */
  readonly oldestWait: number;
  /** Calls not settled, waiting and suspended ones included. */
  readonly unsettled: number;
  /** Workers replaced. */
  readonly restarts: number;
  /** The members, own and found, in order of admission. */
  readonly workers: readonly ExplainedMember[];
}

/** @param own What the pool knows itself. */
export function poolStats(proxy: WorkerProxy, own: Pick<PoolStats, "size" | "restarts">): PoolStats {
  const { members, queued, held, oldestWait } = proxy.explain();
  return {
    size: own.size,
    ready: members.filter((member) => member.state === "ready").length,
    queued,
    held,
    oldestWait,
    unsettled: proxy.unsettled,
    ...proxy.counts,
    restarts: own.restarts,
    workers: members,
  };
}
