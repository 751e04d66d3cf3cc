/**
 * Turns the description that a worker gives of itself, when asked at an address, into a record for callers:
 * complete, checked, and under the address that was asked.
 */
import { controlSocketPath } from "../../transport/unix/socket-path.ts";
import { parseWorkerMetadata } from "../../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";

const UNIX = "unix:";

/**
 * Reads the description of the worker at an address.
 *
 * The record gets the address that was asked, even if the worker names another one: it need not know how it is
 * reached from here. A worker that was reached over the network does not count as one of this host, whatever it
 * says of hosts and sockets.
 *
 * @param description The worker's answer, as plain data.
 * @param address `host:port`, `[v6]:port` or `unix:/path`.
 * @returns Undefined if the answer is no worker's record.
 */
export function parseDescription(description: unknown, address: string): WorkerMetadata | undefined {
  if (typeof description !== "object" || description === null) return undefined;
  const called = callAddress(address);
  const worker = parseWorkerMetadata({ ...description, address: called }, { unix: called.startsWith(UNIX) });
  if (worker === undefined) return undefined;
  // A description that names no codec is not taken for a worker of ours.
  const { hostId: _, socket: __, ...rest } = worker;
  return Object.freeze({ ...rest, codecs: worker.codecs ?? Object.freeze([]) });
}

/**
 * The address at which to ask for a worker's description: the network address itself, or for a Unix socket its
 * control socket.
 */
export function describeAddress(address: string): string {
  return address.startsWith(UNIX)
    ? UNIX + controlSocketPath(callAddress(address).slice(UNIX.length))
    : address;
}

/** The address at which to call a worker. Without a record, the control socket may have been given instead. */
function callAddress(address: string): string {
  const suffix = controlSocketPath("");
  return address.startsWith(UNIX) && address.endsWith(suffix) ? address.slice(0, -suffix.length) : address;
}
