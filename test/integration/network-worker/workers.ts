/** Workers that listen on the network, as the tests of this folder start them. */
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { DiscoveryDescriptor, ProcessWorkerOptions, Worker, WorkerExit, WorkerMetadata } from "merino";
import { ProcessWorker } from "merino";
import { socketPath } from "../../../src/transport/unix/socket-path.ts";

const ROUTINES = new URL("./fixtures/network-routines.ts", import.meta.url);

/** Waits for the end of a worker that ends by itself, which alone would not keep this process alive. */
export async function exitOf({ worker }: { readonly worker: Worker }): Promise<WorkerExit> {
  const awake = setInterval(() => {}, 1_000);
  try {
    return await worker.exited;
  } finally {
    clearInterval(awake);
  }
}

/** A worker that listens. Disposing stops it. */
export interface NetworkWorker extends AsyncDisposable {
  readonly worker: Worker;
  /** Its record as it is. */
  readonly metadata: WorkerMetadata;
  /** Its record as another host sees it, which cannot reach its socket. */
  readonly remote: WorkerMetadata;
}

/**
 * Starts a worker on 127.0.0.1 that serves the routines of `fixtures/network-routines.ts`.
 *
 * @param discoveries Those that callers may name for nested calls.
 */
export async function startNetworkWorker(
  options: ProcessWorkerOptions = {},
  discoveries: readonly DiscoveryDescriptor[] = [],
): Promise<NetworkWorker> {
  const create = ProcessWorker.factory({ host: "127.0.0.1", modules: [fileURLToPath(ROUTINES)], ...options });
  const path = socketPath();
  const worker = create({
    uid: randomUUID(),
    socketPath: path,
    tags: [],
    extra: {},
    startTimeoutMs: 60_000,
    entry: undefined,
    discoveries,
  });
  const metadata = await worker.start();
  const { socket: _, ...remote } = metadata;
  return {
    worker,
    metadata,
    remote,
    async [Symbol.asyncDispose]() {
      await worker.stop({ killAfter: 10_000 });
      rmSync(path, { force: true }); // of one that was killed; who made up the path removes it
    },
  };
}
