/**
 * The label by which a pool's own workers say who has spawned them, so that proxies in other processes recognise them.
 */
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";

/** Under which name a worker's record says which pool has spawned it. */
const POOL_LABEL = "merino.pool";

/** The label in the records of a pool's own workers, by which its proxies in other processes recognise them. */
export function labelOfPool(poolId: string): Readonly<Record<string, string>> {
  return { [POOL_LABEL]: poolId };
}

/** The pool that has spawned a worker, as its record says; `undefined` if it names none. */
export function poolOf(extra: WorkerMetadata["extra"]): string | undefined {
  return extra[POOL_LABEL];
}

/** Whether a worker says that it has been spawned by this pool. This decides who comes first, and admits nobody. */
export function isOfPool(worker: WorkerMetadata, poolId: string): boolean {
  return poolOf(worker.extra) === poolId;
}
