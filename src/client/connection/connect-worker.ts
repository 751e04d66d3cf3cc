/**
 * How this process reaches a worker, and how it introduces itself there. All frames after the first are up to
 * `session/`.
 */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import type { Trust } from "../../credentials/trust.ts";
import { loadOnce } from "../../internal/load-once.ts";
import { processWide } from "../../internal/process-wide.ts";
import { outputOf } from "../../internal/worker-outputs.ts";
import type { Carrier } from "../../session/carrier.ts";
import { DEFAULT_LIMITS, FEATURES } from "../../session/limits.ts";
import { connectUnix } from "../../transport/unix/connect.ts";
import { hostId } from "../../transport/unix/host-id.ts";
import type { Hello } from "../../wire/frames.ts";
import { version, WIRE_CODEC } from "../../wire/version.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import { localSocketOf } from "./local-socket.ts";

/** This process, as its workers see it. */
const client = processWide("client", () => ({ uid: randomUUID(), sessions: 0 }));

/** Most programs, and most workers, call nobody but workers of their own host. */
const loadGrpc = loadOnce(() => import("../../transport/grpc/connect.ts"));

/**
 * Opens a connection to a worker: over its Unix socket if that is found here, else over the network.
 *
 * Containers of one host may have its id and not its files; the socket must therefore be there. A worker
 * without a network address is reached over its socket or not at all.
 *
 * @param trust This side's credentials, for the network. Absent: the connection is in plain text.
 * @throws {@link CredentialsError} if there are credentials, and none that may be used.
 * @throws {@link HandshakeError} when the worker cannot be reached.
 */
export async function connectWorker(worker: WorkerMetadata, trust?: Trust): Promise<Carrier> {
  const socket = localSocketOf(worker, hostId());
  if (socket !== undefined && (worker.address.startsWith("unix:") || existsSync(socket))) {
    return connectUnix(socket, { maxBatchBytes: DEFAULT_LIMITS.maxBatch, forwarded: outputOf(socket) });
  }
  const { connectGrpc } = await loadGrpc();
  return connectGrpc(worker.address, { settings: worker.options, trust, identity: worker.identity });
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
