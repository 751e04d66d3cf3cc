/** How this process reaches a worker, and how it introduces itself there. What is said after that is up to the session. */
import { randomUUID } from "node:crypto";
import { hostId } from "../discovery/runtime-directory.ts";
import { HandshakeError } from "../errors/handshake-error.ts";
import { processWide } from "../internal/process-wide.ts";
import type { Carrier } from "../session/carrier.ts";
import { DEFAULT_LIMITS, FEATURES } from "../session/limits.ts";
import { connectUnix } from "../transport/unix-connect.ts";
import type { Hello } from "../wire/frames.ts";
import { version, WIRE_CODEC } from "../wire/version.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { localSocketOf } from "./admission.ts";

/** This process, as its workers see it. */
const client = processWide("client", () => ({ uid: randomUUID(), sessions: 0 }));

/**
 * Opens a connection to a worker.
 *
 * @throws {@link HandshakeError} for a worker on another host.
 */
export async function connectWorker(worker: WorkerMetadata): Promise<Carrier> {
  const socket = localSocketOf(worker, hostId());
  if (socket === undefined) {
    throw new HandshakeError(
      `Cannot connect to worker '${worker.uid}' at '${worker.address}': only workers on this host can be reached`,
    );
  }
  return connectUnix(socket, { maxBatchBytes: DEFAULT_LIMITS.maxBatch });
}

/** Makes the first frame of a connection. Every connection of this process has a number of its own. */
export function makeHello(): Hello {
  client.sessions = (client.sessions + 1) % 2 ** 32;
  return {
    session: client.sessions,
    version,
    uid: client.uid,
    runtime: "node",
    codecs: [WIRE_CODEC],
    features: FEATURES,
    limits: DEFAULT_LIMITS,
  };
}
