/** Whether a worker can be reached over a Unix socket of this host, as its record says. */
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";

/**
 * The path of a worker's socket if it can be reached from here; undefined if only another carrier could reach the
 * worker.
 */
export function localSocketOf(worker: WorkerMetadata, hostId: string): string | undefined {
  if (worker.socket !== undefined && worker.hostId === hostId) return worker.socket;
  return worker.address.startsWith("unix:") ? worker.address.slice("unix:".length) : undefined;
}
