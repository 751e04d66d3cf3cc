/**
 * The workers that a discovery reports within a given time. Discoveries report changes without end and never say
 * that all workers have been reported.
 */
import type { Trust } from "../credentials/trust.ts";
import type { Discovery } from "../discovery/discovery.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { deadlines } from "../internal/time/deadline-queue.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";

/** How a discovery is listened to. */
export interface SeenWorkersOptions {
  /** With which workers are asked who they are, where they are. */
  readonly trust?: Trust | undefined;
  /** Asked about each worker that appears; the first `true` ends the wait. */
  readonly enough?: (worker: WorkerMetadata) => boolean;
}

/**
 * Listens to a discovery for a while.
 *
 * @param waitMs How long, in milliseconds.
 * @returns The workers present at the end, sorted by uid.
 * @throws The error that ends the discovery, such as a runtime directory that is not this user's own.
 */
export async function seenWorkers(
  discovery: Discovery,
  waitMs: number,
  { trust, enough = () => false }: SeenWorkersOptions = {},
): Promise<readonly WorkerMetadata[]> {
  const workers = new Map<string, WorkerMetadata>();
  const ended = new AbortController();
  keepAlive();
  const end = deadlines.after(waitMs, () => ended.abort());
  try {
    for await (const { type, worker } of discovery.subscribe({ signal: ended.signal, trust })) {
      if (type === "worker-dropped") workers.delete(worker.uid);
      else workers.set(worker.uid, worker);
      if (type !== "worker-dropped" && enough(worker)) break;
    }
  } finally {
    deadlines.cancel(end);
    letExit();
    ended.abort();
  }
  return [...workers.values()].sort((one, other) => (one.uid < other.uid ? -1 : 1));
}
