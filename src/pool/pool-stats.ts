/** The figures of a pool, as `stats()` returns them. */
import type { DispatchCounts } from "../client/dispatch/dispatch-counts.ts";
import type { ExplainedMember, Explanation } from "../client/membership/explanation.ts";
import type { WorkerProxy } from "../client/worker-proxy.ts";
import { addAmounts, amountsOf, type Resources, resourcesOf } from "../internal/amounts.ts";
import type { ResolvedSizeRange } from "./size/size-range.ts";

/** Figures of a pool. Counters run from its opening. */
export interface PoolStats extends Readonly<DispatchCounts> {
  /** Workers the pool spawns; where that is a range, how many there are now, those that start included. */
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
  /** Workers replaced, since they had died, could not import a module or ran old code. */
  readonly restarts: number;
  /** Workers replaced by the option `recycle`. */
  readonly recycled: number;
  /** By name, the resources that members have which take calls now, or that calls wait for. */
  readonly resources: Readonly<Record<string, ResourceFigures>>;
  /** The members, own and found, in order of admission. */
  readonly workers: readonly ExplainedMember[];
}

/** Figures of one resource, over all members that take calls now. */
export interface ResourceFigures {
  /** How much they have, as was announced. */
  readonly total: number;
  /** How much of that calls and reservations of this pool hold, as far as is known. */
  readonly held: number;
  /** Calls and reservations of this pool that wait, and need some. */
  readonly waiting: number;
}

/** What a pool knows of its own workers. */
export interface OwnPoolState extends Pick<PoolStats, "size" | "restarts" | "recycled"> {
  /** Those that are being replaced since they are worn, by uid. */
  readonly recycling: readonly string[];
  /** Absent where the number of workers is fixed. */
  readonly range: (ResolvedSizeRange & { readonly workMs: number }) | undefined;
}

/** A pool, explained. */
export interface PoolExplanation extends Explanation {
  /** Between which numbers of workers the pool keeps itself, and by what. Absent where the number is fixed. */
  readonly size?: {
    readonly min: number;
    readonly max: number;
    /** Workers that there are now, those that start included. */
    readonly now: number;
    /** How long the calls that ran and waited when it was last looked at were expected to take, for one worker, in milliseconds. */
    readonly work: number;
    /** How much of it each worker may have before there are more of them, in milliseconds. */
    readonly targetWait: number;
  };
  /** Uids of its own workers that are being replaced since they have reached a limit of `recycle`. */
  readonly recycling: readonly string[];
}

/** @param own What the pool knows itself. */
export function poolStats(proxy: WorkerProxy, own: OwnPoolState): PoolStats {
  const explanation = proxy.explain();
  const { members, queued, held, oldestWait } = explanation;
  return {
    size: own.size,
    ready: members.filter((member) => member.state === "ready").length,
    queued,
    held,
    oldestWait,
    unsettled: proxy.unsettled,
    ...proxy.counts,
    restarts: own.restarts,
    recycled: own.recycled,
    resources: resourceFigures(explanation),
    workers: members,
  };
}

function resourceFigures({ members, resources }: Explanation): PoolStats["resources"] {
  const ready = members.filter(({ state }) => state === "ready");
  const total = sumOf(ready.map((member) => member.resources));
  const held = sumOf(ready.map(({ resourcesUsed }) => resourcesUsed));
  const waiting = new Map<string, number>();
  for (const { needs, waiting: count } of resources)
    for (const name of Object.keys(needs)) waiting.set(name, (waiting.get(name) ?? 0) + count);
  const names = new Set([...Object.keys(total), ...Object.keys(held), ...waiting.keys()]);
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      { total: total[name] ?? 0, held: held[name] ?? 0, waiting: waiting.get(name) ?? 0 },
    ]),
  );
}

/** Exactly, as they are counted. */
function sumOf(all: readonly (Resources | undefined)[]): Resources {
  const sum = new Map<string, number>();
  for (const some of all) addAmounts(sum, amountsOf(some) ?? new Map(), 1);
  return resourcesOf(sum);
}

/** @param own What the pool knows itself. */
export function explainPool(proxy: WorkerProxy, { size, range, recycling }: OwnPoolState): PoolExplanation {
  const { min = 0, max = 0, workMs = 0, targetWaitMs = 0 } = range ?? {};
  return {
    ...proxy.explain(),
    ...(range !== undefined && { size: { min, max, now: size, work: workMs, targetWait: targetWaitMs } }),
    recycling,
  };
}
